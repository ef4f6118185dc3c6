import { type ExportSource, useExport } from '../../api/use-export.js';
import { ProblemMessage } from '../../parts/message.js';
import { FORMATS, type Format } from '../../state/sql/export-text.js';
import { count } from '../../state/text.js';

/** A result as a file. */
export function ExportButtons(source: ExportSource) {
  const { rows, problem, run, cancel } = useExport();
  const save = async (format: Format) => {
    const parts = await run(format, source);
    if (parts !== null) download(new Blob([...parts], { type: FORMATS[format].type }), `result.${format}`);
  };
  return (
    <fieldset class="export" aria-label="Export">
      {rows === null ? (
        (Object.keys(FORMATS) as Format[]).map((format) => (
          <button key={format} type="button" class="quiet small" onClick={() => void save(format)}>
            <span class="unseen">Export as </span>
            {FORMATS[format].title}
          </button>
        ))
      ) : (
        <>
          <span role="status">{count(rows)} rows written ...</span>
          <button type="button" class="quiet small" onClick={cancel}>
            Cancel export
          </button>
        </>
      )}
      {problem !== null && <ProblemMessage problem={problem} />}
    </fieldset>
  );
}

/** A browser keeps the content until its address is given back; it has read it long before. */
const KEPT_MS = 60_000;

function download(content: Blob, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), KEPT_MS);
}
