// What n8n's MongoDB node does with its driver, in the order of its operations. Prints what it saw as one JSON object.
// Arguments: the driver's folder, the address.
const [, , folder, uri] = process.argv;
const { MongoClient } = require(folder);
const seen = { version: require(`${folder}/package.json`).version };

async function codeOf(work) {
  try {
    await work();
    return 0;
  } catch (error) {
    return error.code ?? String(error);
  }
}

async function main() {
  let client;
  try {
    client = await MongoClient.connect(uri, { driverInfo: { name: 'n8n_crud', version: '1.5' } });
  } catch (error) {
    seen.failed = error.code ?? String(error);
    return;
  }
  try {
    const database = client.db('t1');
    const messages = database.collection('messages');
    await messages.createIndex({ session: 1, text: 1 }, { unique: true });
    const at = (second) => new Date(`2026-11-22T12:00:0${second}.000Z`);
    const rows = ['a', 'b', 'c'].map((text, n) => ({ session: 'telegram:1', text, at: at(n) }));
    seen.inserted = (await messages.insertMany(rows)).insertedCount;
    seen.databases = (await client.db().admin().listDatabases()).databases.map((one) => one.name);
    const update = (text, set) => ({ updateOne: { filter: { text }, update: { $set: set }, upsert: true } });
    const bulk = await messages.bulkWrite([update('a', { seen: true }), update('d', { session: 'telegram:2' })]);
    seen.bulk = { matched: bulk.matchedCount, upserted: bulk.upsertedCount };
    const newest = messages.find({ session: 'telegram:1' }).limit(2).sort({ at: -1 });
    seen.found = await newest.project({ _id: 0, text: 1, at: 1 }).toArray();
    const group = { $group: { _id: '$session', messages: { $sum: 1 } } };
    seen.aggregated = await messages.aggregate([{ $match: { session: 'telegram:1' } }, group]).toArray();
    await messages.findOneAndReplace({ text: 'd' }, { session: 'telegram:9', text: 'z' }, { upsert: false });
    await messages.findOneAndUpdate({ text: 'c' }, { $set: { session: 'telegram:9' } }, { upsert: false });
    seen.replaced = await messages.findOne({ text: 'z' }, { projection: { _id: 0 } });
    seen.deleted = (await messages.deleteMany({ session: 'telegram:9' })).deletedCount;
    seen.refused = {
      twice: await codeOf(() => messages.insertOne({ session: 'telegram:1', text: 'a' })),
      neighbour: await codeOf(() => client.db('t2').collection('messages').find().toArray()),
      unknown: await codeOf(() => database.command({ temoctlInvented: 1 })),
      rules: await codeOf(() => database.command({ collMod: 'messages', validator: {} })),
    };
  } finally {
    await client.close();
  }
}

main()
  .then(() => console.log(JSON.stringify(seen)))
  .catch((error) => {
    console.error(error);
    process.exit(1);
  });
