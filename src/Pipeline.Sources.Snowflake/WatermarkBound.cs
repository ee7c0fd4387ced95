using System.Globalization;
using System.Text;
using Pipeline.Core;
using Pipeline.Sources.Snowflake.Client;
using Pipeline.Sources.Snowflake.Rows;

namespace Pipeline.Sources.Snowflake;

/// <summary>
/// Up to where a table may be read: the end U of the window <c>[from, U)</c>, taken before the window is read. A row that
/// becomes visible later with a watermark below U would be lost.
/// </summary>
/// <remarks>
/// Timestamps: the account's clock minus <see cref="SnowflakeOptions.CommitLag"/>, and, when transactions are watched, not
/// beyond the start of the oldest open one (asked for after the clock: a transaction that is missing from the list has
/// either committed, or begins after U). Integers: one more than the greatest value that was visible a commit lag ago.
/// </remarks>
internal sealed class WatermarkBound(string thing, string quotedTable, string quotedWatermark, bool isTimestamp, SnowflakeOptions options, SnowflakeClient client)
{
    private readonly Queue<(long Clock, long End)> _seen = new();
    private long? _end;

    /// <summary>The least position a split can have: read from here when there is none.</summary>
    public long Beginning { get; } = isTimestamp ? DateTimeOffset.MinValue.Ticks / TimeSpan.TicksPerMicrosecond - EpochMicros : long.MinValue;

    /// <summary>U; null while there is none.</summary>
    public async ValueTask<long?> NextAsync(CancellationToken cancellationToken) =>
        isTimestamp ? await ClockAsync(cancellationToken) : await CursorAsync(cancellationToken);

    private static long EpochMicros => DateTimeOffset.UnixEpoch.Ticks / TimeSpan.TicksPerMicrosecond;

    private long LagMicros => options.CommitLag.Ticks / TimeSpan.TicksPerMicrosecond;

    private async ValueTask<long?> ClockAsync(CancellationToken cancellationToken)
    {
        var row = (await client.QueryAsync(thing, "SELECT CURRENT_TIMESTAMP()", cancellationToken))[0];
        var end = Micros(row[0]) - LagMicros;
        if (!options.WatchTransactions) return end;
        foreach (var transaction in await client.QueryAsync(thing, "SHOW TRANSACTIONS IN ACCOUNT", cancellationToken))
            end = Math.Min(end, Micros(transaction[OpenTransactions.StartedOn]));
        return end;
    }

    private async ValueTask<long?> CursorAsync(CancellationToken cancellationToken)
    {
        var row = (await client.QueryAsync(thing, $"SELECT CURRENT_TIMESTAMP(), MAX({quotedWatermark}) FROM {quotedTable}", cancellationToken))[0];
        var clock = Micros(row[0]);
        if (row[1] is { } greatest) _seen.Enqueue((clock, checked(long.Parse(greatest, CultureInfo.InvariantCulture) + 1)));
        while (_seen.TryPeek(out var oldest) && oldest.Clock <= clock - LagMicros)
        {
            _end = Math.Max(_end ?? oldest.End, oldest.End);
            _seen.Dequeue();
        }

        return _end;
    }

    private long Micros(string? cell) =>
        CellParsers.TryTimestamp(Encoding.UTF8.GetBytes(cell ?? ""), out var micros) ? micros
            : throw new PipelineException(FaultKind.Invalid, thing, $"'{cell}' is not a timestamp as the SQL API writes it", "Check account-url.");

    /// <summary>Columns of <c>SHOW TRANSACTIONS</c>: id, user, session, name, started_on, state, scope.</summary>
    private static class OpenTransactions
    {
        public const int StartedOn = 4;
    }
}
