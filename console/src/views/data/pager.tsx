import type { Rows } from '../../api/use-rows.js';
import { PAGE_ROWS } from '../../state/row-sql.js';
import { counted } from '../../state/text.js';

/** `isOrdered`: without an order there is no second page. */
export function Pager({ rows, isOrdered }: { rows: Rows; isOrdered: boolean }) {
  const { page, number, next, previous } = rows;
  if (page === null) return null;
  const cut = !isOrdered && page.next !== null;
  return (
    <div class="pager">
      <p class="hint" role="status">
        {cut
          ? `The first ${PAGE_ROWS} rows, in no order. Filter to find others.`
          : `${number === 1 ? '' : `Page ${number} · `}${counted(page.rows.length, 'row')}`}
      </p>
      {(next !== null || previous !== null) && (
        <>
          <button type="button" class="quiet" disabled={previous === null} onClick={() => previous?.()}>
            Previous page
          </button>
          <button type="button" class="quiet" disabled={next === null} onClick={() => next?.()}>
            Next page
          </button>
        </>
      )}
    </div>
  );
}
