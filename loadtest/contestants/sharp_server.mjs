// A picture server on sharp: /<file>?w=&fm=&q=&effort=. Usage: node sharp_server.mjs FOLDER PORT, with sharp to be found from the working directory.
import { createRequire } from "node:module";
import { createServer } from "node:http";
import { join } from "node:path";

const sharp = createRequire(join(process.cwd(), "_"))("sharp");
const [folder, port] = process.argv.slice(2);
sharp.cache(false);

const writers = {
  jpg: (image, q) => image.jpeg({ quality: q }),
  webp: (image, q) => image.webp({ quality: q, effort: 4 }),
  avif: (image, q, effort) => image.avif({ quality: q, effort, chromaSubsampling: "4:2:0" }),
};

createServer(async (request, response) => {
  const url = new URL(request.url, "http://localhost");
  const asked = (name) => url.searchParams.get(name);
  if (url.pathname === "/") return response.end("ready");
  try {
    const image = sharp(join(folder, url.pathname)).autoOrient().resize({ width: Number(asked("w")) });
    const written = writers[asked("fm")](image, Number(asked("q")), Number(asked("effort")));
    const body = await written.toBuffer();
    response.writeHead(200, { "content-type": `image/${asked("fm")}`, "content-length": body.length });
    response.end(body);
  } catch (error) {
    response.writeHead(500).end(String(error));
  }
}).listen(Number(port), "127.0.0.1");
