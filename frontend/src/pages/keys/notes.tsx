// What people say of a key, changed where it stands: its name, note and tags, its priority and weight.

import { useAccess } from "../../access/session";
import { InlineEdit } from "../../components/inline-edit";
import { Fact, Facts } from "../../components/page";
import { Tag } from "../../components/state";
import type { Key } from "../../services/types";
import { useText, useWords } from "../../text";
import { useKeyChanges } from "./changes";
import { words as both } from "./text";

export function KeyName({ entry }: { entry: Key }) {
  const { text } = useText();
  const { mayChange } = useAccess();
  const { edit } = useKeyChanges();
  if (!mayChange) return entry.name;
  return <InlineEdit label={text.common.name} value={entry.name} onSave={(typed) => void edit(entry, "name", typed)} />;
}

const Tags = ({ tags }: { tags: readonly string[] }) => tags.map((tag) => <Tag key={tag}>{tag}</Tag>);

/** The same for who may only look. */
function Read({ entry: { memo, tags, priority, weight } }: { entry: Key }) {
  const words = useWords(both);
  return (
    <>
      {memo && <p className="inert">{memo}</p>}
      <Facts>
        {tags.length > 0 && <Fact name={words.tags}><Tags tags={tags} /></Fact>}
        <Fact name={words.priority}>{priority}</Fact>
        <Fact name={words.share}>{weight}</Fact>
      </Facts>
    </>
  );
}

export function KeyNotes({ entry }: { entry: Key }) {
  const words = useWords(both);
  const { mayChange } = useAccess();
  const { edit } = useKeyChanges();
  if (!mayChange) return <Read entry={entry} />;
  const { memo, tags, priority, weight } = entry;
  return (
    <>
      <InlineEdit wide label={words.note} value={memo} empty={words.addNote} onSave={(typed) => void edit(entry, "memo", typed)}>
        <span className="inert">{memo}</span>
      </InlineEdit>
      <Facts>
        <Fact name={words.tags}>
          <InlineEdit wide label={words.tags} value={tags.join(", ")} empty={words.addTag} onSave={(typed) => void edit(entry, "tags", typed)}>
            <Tags tags={tags} />
          </InlineEdit>
        </Fact>
        <Fact name={words.priority}>
          <InlineEdit numeric label={words.priority} value={String(priority)} onSave={(typed) => void edit(entry, "priority", typed)} />
        </Fact>
        <Fact name={words.share}>
          <InlineEdit numeric label={words.share} value={String(weight)} onSave={(typed) => void edit(entry, "weight", typed)} />
        </Fact>
      </Facts>
    </>
  );
}
