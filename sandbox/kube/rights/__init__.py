"""Who asks, and what he may: identities, tokens, impersonation and roles.

The rules of RBAC are small functions over what is stored (``rules``, ``attributes``, ``grants``);
``gate`` applies them to requests. Nothing here keeps or changes objects.
"""
