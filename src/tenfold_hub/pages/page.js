// Asked with the key that "Authorize" takes; nothing is sent to anybody else.
SwaggerUIBundle({
  url: document.getElementById("page").dataset.schema,
  dom_id: "#page",
  deepLinking: true,
  docExpansion: "none",
  filter: true,
  defaultModelsExpandDepth: 0,
  persistAuthorization: false,
  displayRequestDuration: true,
  validatorUrl: null,
  tagsSorter: "alpha",
});
