"""What every domain is made with: ids, problems, resources, lists, writes, and the routes of them all."""
