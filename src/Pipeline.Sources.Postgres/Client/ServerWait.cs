using Npgsql;
using Pipeline.Core;

namespace Pipeline.Sources.Postgres.Client;

/// <summary>What the server itself says of a process that does not answer.</summary>
internal static class ServerWait
{
    // Of whoever holds it neither a name of a user nor a statement: what it does may be nobody's business.
    private const string Query = """
        select pg_catalog.array_to_string(pg_catalog.pg_blocking_pids(a.pid), ', '),
               (select pg_catalog.min(b.xact_start) from pg_catalog.pg_stat_activity b where b.pid operator(pg_catalog.=) any (pg_catalog.pg_blocking_pids(a.pid))),
               pg_catalog.concat_ws(' ', a.wait_event_type, a.wait_event)
        from pg_catalog.pg_stat_activity a where a.pid operator(pg_catalog.=) $1
        """;

    /// <summary>Of processes that hold what others wait for.</summary>
    public static string HowToEnd(IEnumerable<string> processes) =>
        $"Look it up in pg_stat_activity; to end it: {string.Join(' ', processes.Select(process => $"SELECT pg_terminate_backend({process});"))}";

    /// <param name="process">The server's process; 0: there is none yet.</param>
    /// <returns>Null when the server does not know it.</returns>
    public static async Task<WaitReason?> ReasonAsync(NpgsqlDataSource source, int process, CancellationToken cancellationToken)
    {
        if (process == 0) return null;
        await using var connection = await source.OpenConnectionAsync(cancellationToken);
        await using var command = new NpgsqlCommand(Query, connection) { Parameters = { new() { Value = process } } };
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        if (!await reader.ReadAsync(cancellationToken)) return null;
        var holders = reader.GetString(0);
        if (holders.Length == 0)
            return new WaitReason($"the server's process {process} has not answered, and {(reader.GetString(2) is { Length: > 0 } waitsFor ? $"waits for {waitsFor}" : "works")}", "no answer") { NextStep = "Look it up in pg_stat_activity." };
        var since = await reader.IsDBNullAsync(1, cancellationToken) ? "" : $", in a transaction since {reader.GetFieldValue<DateTimeOffset>(1).InWords()},";
        return new WaitReason($"its statement waits for a lock that process {holders} of the server{since} holds", $"a lock of {holders}") { NextStep = HowToEnd(holders.Split(", ")) };
    }
}
