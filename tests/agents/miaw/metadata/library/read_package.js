// Reads a package folder with Salesforce's library, without an organisation, and prints what it found as one line of JSON.
// node read_package.js PACKAGE-FOLDER OUTPUT-FOLDER
import { ComponentSet, MetadataConverter } from '@salesforce/source-deploy-retrieve';

const [folder, output] = process.argv.slice(2);

const named = (set) => set.getSourceComponents().toArray().map((one) => `${one.type.name}:${one.fullName}`).sort();
const manifest = async (name) =>
  named(await ComponentSet.fromManifest({ manifestPath: `${folder}/${name}`, resolveSourcePaths: [folder] }));

const found = ComponentSet.fromSource(folder);
found.sourceApiVersion = '67.0';
await new MetadataConverter().convert(found, 'metadata', {
  type: 'directory',
  outputDirectory: output,
  genUniqueDir: false,
});
console.log(
  JSON.stringify({
    components: named(found),
    inManifest: await manifest('package.xml'),
    inFirstManifest: await manifest('package-first.xml'),
    manifest: await found.getPackageXml(),
  }),
);
