// Reads cards as other programs do: [{name, data (base64)}] on stdin, what they find on stdout.
import { CCardLib } from '@risuai/ccardlib';
import { unzipSync } from 'fflate';
import pngText from 'png-chunk-text';
import extract from 'png-chunks-extract';

const chunks = [];
for await (const one of process.stdin) chunks.push(one);
const files = JSON.parse(Buffer.concat(chunks).toString('utf8'));

function judged(card) {
    const version = CCardLib.character.check(card);
    const made = {};
    if (version !== 'unknown') {
        for (const to of ['v1', 'v2', 'v3']) made[to] = CCardLib.character.convert(card, { to, from: version });
    }
    return { version, card, made };
}

function read({ name, data }) {
    const bytes = Buffer.from(data, 'base64');
    if (name.endsWith('.json')) return { json: judged(JSON.parse(bytes.toString('utf8'))) };
    if (name.endsWith('.png')) {
        const found = {};
        for (const chunk of extract(new Uint8Array(bytes))) {  // throws for a wrong checksum
            if (chunk.name !== 'tEXt') continue;
            const { keyword, text } = pngText.decode(chunk.data);
            found[keyword] = judged(JSON.parse(Buffer.from(text, 'base64').toString('utf8')));
        }
        return found;
    }
    const members = unzipSync(new Uint8Array(bytes.subarray(bytes.indexOf('PK\x03\x04', 0, 'latin1'))));
    const card = JSON.parse(Buffer.from(members['card.json']).toString('utf8'));
    return { charx: judged(card), members: Object.keys(members).sort() };
}

process.stdout.write(JSON.stringify(Object.fromEntries(files.map((file) => [file.name, read(file)]))));
