using System.Globalization;
using Npgsql;
using Pipeline.Core;
using Pipeline.Sources.Postgres.Client;

namespace Pipeline.Sources.Postgres.Reading.Capture;

/// <summary>
/// A transaction stands in the server's log, and is sent from it, before anybody else sees what it did: for a moment, and with a
/// synchronous standby for as long as that has not answered. What is asked of tables or the catalog because of what the log says
/// is asked when it can be seen.
/// </summary>
internal sealed class CommittedTransactions(PostgresConnections connections, SourceServices services)
{
    private static readonly RetryPolicy Pace = new() { BackoffMin = TimeSpan.FromMilliseconds(5), BackoffMax = TimeSpan.FromSeconds(1) };

    private static readonly WaitReason Standby = new("a transaction stands in the server's log and cannot be seen yet: a synchronous standby has not answered", "a synchronous standby")
    {
        NextStep = "Look it up in pg_stat_replication: the standbys of synchronous_standby_names are away, or behind.",
    };

    private static readonly WaitReason Hidden = new("transactions of others are open, and the role may not see which of them stand in the server's log and wait for a synchronous standby", "a transaction of others")
    {
        NextStep = "Have the role see it: GRANT pg_read_all_stats TO the source's role.",
    };

    /// <summary>Of other roles nothing but the transaction is shown without <c>pg_read_all_stats</c>: any of them may be one that waits.</summary>
    private const string CommittingSql = """
        select backend_xid::text, wait_event is not distinct from 'SyncRep' from pg_catalog.pg_stat_activity
        where datname = current_database() and backend_xid is not null and (wait_event = 'SyncRep' or (state is null and current_setting('synchronous_standby_names') <> ''))
        """;

    private const string SeenSql = """
        select txid_current_snapshot()::text, exists (select from pg_catalog.pg_replication_slots s join pg_catalog.pg_stat_replication r on r.pid = s.active_pid
            where s.slot_name = $1 and r.sync_state = 'sync')
        """;

    /// <summary>Returns when what the transaction did can be seen.</summary>
    /// <param name="thing">Who asks.</param>
    /// <param name="transaction">Its number as the log has it.</param>
    /// <exception cref="PipelineException">It never can be: the server waits for whoever asks.</exception>
    public ValueTask WaitAsync(string thing, uint transaction, CancellationToken cancellationToken) => WaitAsync(thing, [transaction], Standby, cancellationToken);

    /// <summary>Returns when all can be seen that stood in the log before.</summary>
    /// <inheritdoc cref="WaitAsync(string, uint, CancellationToken)"/>
    public async ValueTask WaitForAllAsync(string thing, CancellationToken cancellationToken)
    {
        var committing = await connections.UseBesideAsync(thing, async (connection, cancel) =>
        {
            await using var command = new NpgsqlCommand(CommittingSql, connection);
            await using var reader = await command.ExecuteReaderAsync(cancel);
            var (found, isSeen) = (new List<uint>(), false);
            while (await reader.ReadAsync(cancel))
            {
                found.Add(uint.Parse(reader.GetString(0), NumberStyles.None, CultureInfo.InvariantCulture));
                isSeen |= reader.GetBoolean(1);
            }

            return (Transactions: found, Reason: isSeen ? Standby : Hidden);
        }, cancellationToken);
        if (committing.Transactions.Count > 0) await WaitAsync(thing, committing.Transactions, committing.Reason, cancellationToken);
    }

    private async ValueTask WaitAsync(string thing, IReadOnlyList<uint> transactions, WaitReason reason, CancellationToken cancellationToken)
    {
        using var wait = services.Waits.Begin(thing, reason);
        await Pace.RunAsync(services.Time, cancel => AreSeenAsync(thing, transactions, cancel), cancellationToken, isAgain: areSeen => !areSeen, isTransient: _ => false);
    }

    private ValueTask<bool> AreSeenAsync(string thing, IReadOnlyList<uint> transactions, CancellationToken cancellationToken) => connections.UseBesideAsync(thing, async (connection, cancel) =>
    {
        await using var command = new NpgsqlCommand(SeenSql, connection) { Parameters = { new() { Value = connections.Options.Capture.Slot } } };
        await using var reader = await command.ExecuteReaderAsync(cancel);
        await reader.ReadAsync(cancel);
        var seen = TransactionSnapshot.Parse(reader.GetString(0));
        if (transactions.All(seen.Sees)) return true;
        if (!reader.GetBoolean(1)) return false;
        throw new PipelineException(FaultKind.Invalid, thing, $"the server takes the reader of slot {connections.Options.Capture.Slot} for its synchronous standby: nobody sees a transaction before the lake has it, which needs to be seen first",
            "Name the standbys in synchronous_standby_names, none of which may be called as the reader (application_name in pg_stat_replication): ALTER SYSTEM SET synchronous_standby_names = 'NAME'; SELECT pg_reload_conf();");
    }, cancellationToken);
}
