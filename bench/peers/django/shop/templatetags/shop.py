"""How prices, measures and days are written."""
from django import template

register = template.Library()


@register.filter
def money(cents):
    return f"€{cents / 100:.2f}"


@register.filter
def unit(product):
    if product.measure and product.content != 1000:
        return f"{product.quantity} · {money(product.price * 1000 // product.content)}/{product.measure}"
    return product.quantity


@register.filter
def day(time):
    return f"{time:%b} {time.day}, {time.year}"
