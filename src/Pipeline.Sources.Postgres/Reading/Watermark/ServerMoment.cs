using Npgsql;

namespace Pipeline.Sources.Postgres.Reading.Watermark;

/// <summary>What a watermark reader must know of the server before it chooses a window's end.</summary>
/// <param name="SeesAllTransactions">Without <c>pg_read_all_stats</c> other roles' transactions are invisible.</param>
/// <param name="IsStandby">A standby knows nothing of the primary's open transactions.</param>
internal sealed record ServerMoment(TransactionObservation Transactions, bool SeesAllTransactions, bool IsStandby)
{
    // now() is the arrival of this statement: before any transaction is looked at, as it must be. Our own readers write
    // nothing and are left out, as are processes that never change a table's rows.
    private static string QueryOf(Func<string, string> clock) => $"""
        select {clock("now()")},
               opened.oldest,
               (select coalesce(array_agg(transaction::text || ' ' || gid), array[]::text[]) from pg_catalog.pg_prepared_xacts where database = current_database()),
               pg_has_role(current_user, 'pg_read_all_stats', 'USAGE'),
               pg_is_in_recovery(),
               opened.newest,
               coalesce(opened.process, 0)
        from (select min({clock("xact_start")}) as oldest, max({clock("xact_start")}) as newest, (array_agg(pid order by xact_start))[1] as process from pg_catalog.pg_stat_activity
              where xact_start is not null and pid <> pg_backend_pid()
                and (datid is null or datname = current_database())
                and backend_type not in ('autovacuum worker', 'parallel worker', 'walsender')
                and not (application_name = current_setting('application_name') and usename = session_user)) opened
        """;

    /// <param name="watermark">By whose clock; null: by the server's.</param>
    public static async ValueTask<ServerMoment> ObserveAsync(NpgsqlConnection connection, WatermarkColumn? watermark, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(QueryOf(moment => watermark?.ClockSql(moment) ?? moment), connection);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        return new ServerMoment(
            new TransactionObservation(
                reader.GetFieldValue<DateTimeOffset>(0),
                await reader.IsDBNullAsync(1, cancellationToken) ? null : reader.GetFieldValue<DateTimeOffset>(1),
                reader.GetFieldValue<string[]>(2))
            {
                OldestProcess = reader.GetInt32(6),
                NewestTransaction = await reader.IsDBNullAsync(5, cancellationToken) ? null : reader.GetFieldValue<DateTimeOffset>(5),
            },
            SeesAllTransactions: reader.GetBoolean(3),
            IsStandby: reader.GetBoolean(4));
    }
}
