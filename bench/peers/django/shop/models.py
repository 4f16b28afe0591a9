"""What the shop stores."""
from django.db import models


class Category(models.Model):
    slug = models.CharField(max_length=80, unique=True)
    name = models.CharField(max_length=60)
    wall = models.CharField(max_length=20)
    shelf = models.IntegerField()


class Product(models.Model):
    slug = models.CharField(max_length=120, unique=True)
    name = models.CharField(max_length=120)
    category = models.ForeignKey(Category, models.CASCADE)
    kind = models.CharField(max_length=60)
    quantity = models.CharField(max_length=30)
    content = models.IntegerField(null=True)
    measure = models.CharField(max_length=2, null=True)
    price = models.IntegerField()
    was = models.IntegerField(null=True)
    stock = models.IntegerField()
    organic = models.BooleanField()
    nearby = models.BooleanField()
    fresh = models.BooleanField()
    picture = models.CharField(max_length=200)
    description = models.TextField()
    shelf = models.IntegerField()

    class Meta:
        indexes = [models.Index(fields=["category", "kind", "shelf"], name="products_category")]


class Review(models.Model):
    product = models.ForeignKey(Product, models.CASCADE, related_name="reviews")
    author = models.CharField(max_length=60)
    stars = models.IntegerField()
    body = models.TextField()
    created = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["product", "created"], name="reviews_product"),
            models.Index(fields=["product", "stars"], name="reviews_stars"),
        ]
