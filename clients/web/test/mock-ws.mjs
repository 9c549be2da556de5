// Just enough of RFC 6455 to push text to a browser.
import { createHash } from 'node:crypto';

export function accept(request, socket) {
  const key = createHash('sha1').update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${key}\r\n\r\n`);
  socket.on('error', () => undefined);
  socket.on('data', (data) => {
    if ((data[0] & 15) === 8) socket.end();
  });
  return (message) => {
    if (socket.destroyed) return;
    const body = Buffer.from(JSON.stringify(message));
    const head = body.length < 126 ? Buffer.from([129, body.length]) : Buffer.from([129, 126, body.length >> 8, body.length & 255]);
    socket.write(Buffer.concat([head, body]));
  };
}
