package formats

var errNotPostgres = &Error{"not_postgres", "the text is no line of PostgreSQL's csvlog"}

// postgresColumns are those of csvlog, of which older versions write the first 23 or 24:
// https://www.postgresql.org/docs/current/runtime-config-logging.html#RUNTIME-CONFIG-LOGGING-CSVLOG
var postgresColumns = [...]struct {
	name   string
	number bool
}{
	{
		"log_time",
		false,
	},
	{"user_name", false},
	{"database_name", false},
	{"process_id", true},
	{"connection_from", false},
	{
		"session_id",
		false,
	},
	{"session_line_num", true},
	{"command_tag", false},
	{"session_start_time", false},
	{
		"virtual_transaction_id",
		false,
	},
	{"transaction_id", true},
	{"error_severity", false},
	{"sql_state_code", false},
	{
		"message",
		false,
	},
	{"detail", false},
	{"hint", false},
	{"internal_query", false},
	{"internal_query_pos", true},
	{
		"context",
		false,
	},
	{"query", false},
	{"query_pos", true},
	{"location", false},
	{"application_name", false},
	{"backend_type", false},
	{"leader_pid", true},
	{"query_id", true},
}

// ParsePostgres reads a line of PostgreSQL's csvlog. What is null there is left out.
func ParsePostgres(text []byte, _ int64, out *Fields) error {
	n := 0
	err := CSV{
		Delimiter: ',',
		Quotes:    true,
	}.each(
		text,
		func(i int, value []byte, quoted bool) error {
			if n++; i >= len(postgresColumns) {
				return errNotPostgres
			}
			switch c := postgresColumns[i]; {
			case i == 0:
				out.Time = value
				out.add(c.name, value)
			case len(value) == 0 && !quoted:
			case c.number && whole(value),
				c.number && len(value) > 1 && value[0] == '-' && whole(value[1:]):
				out.json(c.name, value)
			default:
				out.add(c.name, value)
			}
			return nil
		},
		out,
	)
	if err != nil {
		return err
	}
	if n != 23 && n != 24 && n != 26 {
		return errNotPostgres
	}
	return nil
}

// TimePostgres is the pattern of csvlog's times.
const TimePostgres = "%Y-%m-%d %H:%M:%S.%f %Z"
