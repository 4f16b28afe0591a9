"""The one address, and the application that gunicorn serves."""
import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")

from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.urls import path  # noqa: E402

application = get_wsgi_application()

from shop.views import product  # noqa: E402

urlpatterns = [path("products/<slug:slug>", product)]
