// The JavaScript SDK's side of script/bench client: an answer of DescribeInstances into objects.
// usage: node instances.mjs FILE    (with @aws-sdk/client-ec2 in build/bench-js)
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { Readable } from "node:stream";

const require = createRequire(process.cwd() + "/build/bench-js/");
const { EC2Client, DescribeInstancesCommand } = require("@aws-sdk/client-ec2");
const body = readFileSync(process.argv[2]);
const client = new EC2Client({
  region: "eu-west-1", credentials: { accessKeyId: "a", secretAccessKey: "b" },
  requestHandler: {
    handle: async () => ({ response: { statusCode: 200, headers: {}, body: Readable.from([body]) } }),
  },
});
let best = Infinity;
for (let i = 0; i < 7; i++) {
  const start = process.cpuUsage();
  const output = await client.send(new DescribeInstancesCommand({}));
  const spent = process.cpuUsage(start);
  if (output.Reservations.length !== 1000) throw new Error("not all of it");
  best = Math.min(best, (spent.user + spent.system) / 1000);
}
console.log(JSON.stringify({ ms: best, peak: process.resourceUsage().maxRSS / 1024 }));
