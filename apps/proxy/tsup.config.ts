import { app } from "../../tsup.config.base.ts";

export default app();
