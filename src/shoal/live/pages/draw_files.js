// SPDX-License-Identifier: Apache-2.0
// Pictures from elsewhere: dropped on the room, pasted, or chosen. Each becomes a bitmap or words that say why not;
// none is sent anywhere from here.

const LARGEST = 50e6; // bytes of a picture

/**
 * Takes pictures for a room: `take(bitmap)` is called with each, `trouble(words)` with what is wrong with one.
 * `over(whether)` tells that a file is held over the room, `open()` is asked whether it is the room that is looked at.
 */
export function pictures(root, input, { take, trouble, over, open }) {
  const read = async (file) => {
    input.value = ""; // the same file may be chosen again
    if (!file) return trouble("That is no file. Drop a picture: PNG, JPEG or WebP.");
    if (file.size > LARGEST) return trouble(`${file.name} is larger than 50 MB. Use a smaller picture.`);
    const bitmap = await createImageBitmap(file).catch(() => null);
    if (!bitmap) return trouble(`${file.name} is no picture that this browser can read. Use PNG, JPEG or WebP.`);
    take(bitmap);
    return bitmap.close();
  };
  const held = (event) => {
    event.preventDefault();
    over(event.type === "dragover");
  };
  for (const kind of ["dragover", "dragleave", "drop"]) root.addEventListener(kind, held);
  root.addEventListener("drop", ({ dataTransfer: all }) => read(first(all) ?? all.files[0]));
  input.addEventListener("change", () => read(input.files[0]));
  document.addEventListener("paste", ({ clipboardData }) => {
    const file = first(clipboardData);
    if (file && open()) read(file);
  });
}

const first = (transfer) => [...(transfer?.files ?? [])].find(({ type }) => type.startsWith("image/"));
