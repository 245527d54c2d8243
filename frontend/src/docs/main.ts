// The page at `/docs`: Swagger UI over the document that this server gives. It has nothing in common with the other pages,
// which never load it.

import SwaggerUI from "swagger-ui-dist/swagger-ui-bundle.js";
import "swagger-ui-dist/swagger-ui.css";
import { withCsrf } from "./csrf";

SwaggerUI({
  dom_id: "#docs",
  url: "/openapi.json",
  deepLinking: true,
  docExpansion: "none",
  filter: true,
  // No service of others is asked whether the document is good.
  validatorUrl: null,
  requestInterceptor: withCsrf,
});
