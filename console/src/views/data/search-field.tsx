interface SearchFieldProps {
  readonly search: string;
  onSearch(search: string): void;
}

export function SearchField({ search, onSearch }: SearchFieldProps) {
  return (
    <label class="search">
      <span class="unseen">Only tables whose name contains</span>
      <input
        type="search"
        placeholder="Find a table ..."
        autocomplete="off"
        spellcheck={false}
        value={search}
        onInput={(event) => onSearch(event.currentTarget.value)}
      />
    </label>
  );
}
