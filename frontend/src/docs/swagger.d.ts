declare module "swagger-ui-dist/swagger-ui-bundle.js" {
  import type { Request } from "./csrf";

  /** The part of its options that this page uses. */
  interface Options {
    dom_id: string;
    url: string;
    deepLinking: boolean;
    docExpansion: "none" | "list" | "full";
    filter: boolean;
    validatorUrl: null;
    requestInterceptor: (request: Request) => Request | Promise<Request>;
  }

  export default function SwaggerUI(options: Options): unknown;
}
