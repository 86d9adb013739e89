import { createInterface } from 'node:readline';
import { WebSocket } from 'ws';

/** A client for the terminal: `client.js ws://localhost:8080 <document> <user>`; each line typed is an edit. */
const [url = 'ws://localhost:8080', documentId = 'readme', user = 'somebody'] = process.argv.slice(2);
const socket = new WebSocket(url);

socket.on('open', () => {
  socket.send(JSON.stringify({ type: 'join', documentId, user }));
  const lines = createInterface({ input: process.stdin });
  lines.on('line', (text) => socket.send(JSON.stringify({ type: 'edit', text })));
  lines.on('close', () => socket.close());
});
socket.on('message', (data) => console.log(String(data)));
socket.on('error', (error) => console.error(error.message));
socket.on('close', () => process.stdin.destroy());
