// Searches through the HTTP interface only; whatever comes from it is set as text, never as markup.
const $ = (id) => document.getElementById(id);
let picked = null;
let latest = 0;

async function ask(url, options) {
  const response = await fetch(url, options);
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(body.detail || `The server answered ${response.status}.`);
  return body;
}

function filterBy(tag) {
  const [query, wanted] = [$("query"), `tag:"${tag.replace(/["\\]/g, "\\$&")}"`];
  if (!query.value.includes(wanted)) query.value = `${query.value.trim()} ${wanted}`.trim();
  search();
}

function chip(tag) {
  const [item, button] = [document.createElement("li"), document.createElement("button")];
  button.type = "button";
  button.textContent = tag;
  button.title = `Only pictures with the tag ${tag}`;
  button.addEventListener("click", () => filterBy(tag));
  item.append(button);
  return item;
}

function card({ id, path, score, verdict, tags }) {
  const figure = $("card").content.cloneNode(true).querySelector("figure");
  const image = figure.querySelector("img");
  image.src = `v1/pictures/${id}/thumbnail`;
  image.alt = image.title = path;
  figure.querySelector("a").href = `v1/pictures/${id}/file`;
  figure.querySelector(".score").textContent = score === undefined ? `#${id}` : score.toFixed(3);
  const label = figure.querySelector(".verdict");
  label.textContent = verdict ?? "";
  if (verdict) label.classList.add(verdict.split(" ")[0]);
  figure.querySelector(".tags").replaceChildren(...(tags ?? []).map(chip));
  figure.querySelector("figcaption button").addEventListener("click", () => {
    pick(null);
    $("query").value = `#${id}`;
    show(() => ask(`v1/pictures/${id}/similar?k=60`));
  });
  return figure;
}

async function show(question) {
  const turn = ++latest; // an answer that comes late must not replace a newer one
  $("message").textContent = "Searching…";
  try {
    const answer = await question();
    if (turn !== latest) return;
    const found = answer.results ?? answer.pictures;
    $("grid").replaceChildren(...found.map(card));
    const count = answer.results ? `${found.length} of ${answer.total} in ${answer.took_ms.toFixed(0)} ms` : "Newest";
    $("message").textContent = found.length ? count : "Nothing matches.";
    notice(answer.notice);
  } catch (error) {
    if (turn === latest) $("message").textContent = error.message;
  }
}

function notice(text) {
  $("notice").textContent = text ?? "";
  $("notice").hidden = !text;
}

function search() {
  const [line, all] = [$("query").value.trim(), $("all").checked];
  if (picked) {
    const body = new FormData();
    body.set("picture", picked);
    for (const [name, value] of Object.entries({ q: line, k: 60, all })) body.set(name, value);
    return show(() => ask("v1/search/picture", { method: "POST", body }));
  }
  if (!line) return newest();
  return show(() => ask(`v1/search?${new URLSearchParams({ q: line, k: 60, all })}`));
}

const newest = () => show(() => ask("v1/pictures?limit=60"));

function pick(file) {
  picked = file ?? null;
  if ($("preview").src) URL.revokeObjectURL($("preview").src);
  $("picked").hidden = !picked;
  $("file").value = "";
  if (!picked) return;
  $("preview").src = URL.createObjectURL(picked);
  $("picked").querySelector("span").textContent = ` ${picked.name}`;
  search();
}

$("form").addEventListener("submit", (event) => { event.preventDefault(); search(); });
$("all").addEventListener("change", search);
$("file").addEventListener("change", (event) => pick(event.target.files[0]));
$("unpick").addEventListener("click", () => { pick(null); search(); });
document.addEventListener("dragover", (event) => { event.preventDefault(); document.body.classList.add("dropping"); });
document.addEventListener("dragleave", () => document.body.classList.remove("dropping"));
document.addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("dropping");
  if (event.dataTransfer.files.length) pick(event.dataTransfer.files[0]);
});
newest();
