// A pool to look at and play with, on the real server: `npm run demo`. It ends with Ctrl-C, and its data with it.

import { ADMIN_TOKEN, openHouse } from "./house.mjs";
import { seed } from "./seed.mjs";

const house = await openHouse({ AMP_POOL_ADMIN_TOKEN: ADMIN_TOKEN, PORT: process.env["PORT"] ?? "0" });
const token = await seed(house);
console.log(`${house.url}\nadmin token  ${ADMIN_TOKEN}\nclient token ${token}`);
process.on("SIGINT", () => void house.close().then(() => process.exit(0)));
