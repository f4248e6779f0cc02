/** Line icons on a 16 px grid, drawn for this page. */
const PATHS = {
  check: "M3.5 8.5 6.5 11.5 12.5 4.5",
  cross: "M4 4 12 12M12 4 4 12",
  copy: "M6 6h6.5v6.5H6zM4 10H3.5V3.5H10V4",
  warning: "M8 2.5 14 13H2zM8 6.5v3M8 11.2v.1",
  search: "M7 11.5a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9zM10.5 10.5 13.5 13.5",
  chevron: "M6 4l4 4-4 4",
  down: "M4 6l4 4 4-4",
  clock: "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM8 5v3.2l2 1.3",
  out: "M6.5 3.5H3.5v9h9v-3M9 3.5h3.5V7M12.3 3.7 7.5 8.5",
  sun: "M8 10.8a2.8 2.8 0 1 0 0-5.6 2.8 2.8 0 0 0 0 5.6zM8 1.5v1.2M8 13.3v1.2M1.5 8h1.2M13.3 8h1.2M3.4 3.4l.9.9M11.7 11.7l.9.9M3.4 12.6l.9-.9M11.7 4.3l.9-.9",
  help: "M6 6.2a2 2 0 1 1 2.8 1.9c-.5.2-.8.6-.8 1.2M8 11.6v.1M8 14.3A6.3 6.3 0 1 0 8 1.7a6.3 6.3 0 0 0 0 12.6z",
  note: "M3.5 2.5h9v11h-9zM6 6h4M6 8.5h4",
  flag: "M4 14V2.5h8l-2 3 2 3H4",
  lock: "M4.5 7.5h7v6h-7zM6 7.5V5.3a2 2 0 0 1 4 0v2.2",
  undo: "M3 6.5h6.5a3.3 3.3 0 0 1 0 6.6H6M5.8 3.5 2.8 6.5l3 3",
  edit: "M3 13l.6-2.8L10.5 3.3l2.2 2.2-6.9 6.9z",
  image: "M2.5 3.5h11v9h-11zM5.5 7a1 1 0 1 0 0-2 1 1 0 0 0 0 2zM3 11.5l3.5-3 2 1.7L11 7.5l2.5 2.6",
  tool: "M9.5 6.5 4 12M12.8 4.6a2.8 2.8 0 0 1-3.8 3.3 2.8 2.8 0 0 1 2.6-4.7L10 5l1 1z",
  dot: "M8 10.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5z",
  user: "M8 8a2.6 2.6 0 1 0 0-5.2A2.6 2.6 0 0 0 8 8zM3 13.5c.6-2.5 2.6-3.6 5-3.6s4.4 1.1 5 3.6",
  save: "M3.5 2.5h9v11L8 10.2l-4.5 3.3z",
  spark: "M8 2.5 9.4 6.6 13.5 8 9.4 9.4 8 13.5 6.6 9.4 2.5 8l4.1-1.4z",
  stop: "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM4 12 12 4",
  download: "M8 2.5v7.5M5 7.2l3 3 3-3M3 13.3h10",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 14 }: { name: IconName; size?: number }) {
  return (
    <svg className="icon" width={size} height={size} viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} fill="none" stroke="currentColor" strokeWidth="1.4" strokeLinecap="round" strokeLinejoin="round" />
    </svg>
  );
}
