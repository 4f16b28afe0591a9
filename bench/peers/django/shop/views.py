"""The product page, by the ORM."""
from django.db.models import Avg, Count
from django.shortcuts import get_object_or_404, render

from .models import Category, Product


def product(request, slug):
    rated = Product.objects.annotate(reviews_count=Count("reviews"), rating=Avg("reviews__stars"))
    found = get_object_or_404(rated.select_related("category"), slug=slug)
    counts = dict(found.reviews.values_list("stars").annotate(Count("id")))
    near = rated.filter(category=found.category, kind=found.kind).order_by("shelf")[:6]
    return render(request, "product.html", {
        "product": found, "aisle": found.category, "aisles": Category.objects.order_by("shelf").only("slug", "name"),
        "reviews": found.reviews.order_by("-created", "-id")[:10], "total": found.reviews.count(), "url": request.get_full_path(),
        "counts": [(stars, counts.get(stars, 0)) for stars in (5, 4, 3, 2, 1)], "near": [one for one in near if one.id != found.id][:5],
    })
