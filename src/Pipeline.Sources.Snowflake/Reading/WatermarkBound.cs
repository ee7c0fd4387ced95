using System.Globalization;
using System.Text;
using Pipeline.Core;
using Pipeline.Sources.Snowflake.Catalog;
using Pipeline.Sources.Snowflake.Client;
using Pipeline.Sources.Snowflake.Decoding;

namespace Pipeline.Sources.Snowflake.Reading;

/// <summary>
/// Up to where a table may be read: the end U of the window <c>[from, U)</c>, chosen before the window is read. A row that
/// becomes visible later with a watermark below U would be lost.
/// </summary>
/// <remarks>
/// The order of looking matters: first the greatest visible watermark, then the account's clock, then the open
/// transactions. U never lies beyond the greatest watermark, so a table without changes is asked for that and for the clock alone, which
/// Snowflake can answer without a warehouse.
/// </remarks>
internal sealed class WatermarkBound(string thing, string quotedTable, string quotedWatermark, TableShape shape, SnowflakeSourceOptions options, SnowflakeClient client)
{
    private readonly WatermarkEnd _end = shape.HasMoments
        ? new MomentEnd(LagMicros(options))
        : new GrowingEnd(LagMicros(options), shape.IsTimestamp);

    /// <summary>Why rows that are there lie behind U for now; null: none do.</summary>
    public string? Held { get; private set; }

    /// <summary>How long before the last look that moment was of which U leaves out nothing; null: not known yet.</summary>
    public TimeSpan? Behind { get; private set; }

    /// <summary>One more than the greatest watermark at the last look, as far as positions go; null: there was none.</summary>
    public long? Seen { get; private set; }

    /// <summary>The greatest watermark, when it is one to which reading does not come by itself; null: it does.</summary>
    public string? Beyond { get; private set; }

    /// <summary>The account's clock when it was last looked at; null: it was not.</summary>
    public long? Clock { get; private set; }

    /// <summary>U; null while there is none.</summary>
    public async ValueTask<long?> NextAsync(CancellationToken cancellationToken)
    {
        var greatest = await AskGreatestAsync(cancellationToken);
        Held = null;
        Beyond = null;
        Behind = TimeSpan.Zero;
        Seen = null;
        if (greatest is null) return null;
        var seen = BehindOf(greatest);
        Seen = seen;
        if (!shape.IsTimestamp && !long.TryParse(greatest, CultureInfo.InvariantCulture, out _)) Beyond = greatest;
        // Of moments the clock is asked for each time: one that was set back shows in nothing else.
        if (shape.HasMoments || _end.MayMove(seen)) Clock = Micros(await client.QueryCellAsync(thing, "SELECT CURRENT_TIMESTAMP()", cancellationToken));
        if (!_end.MayMove(seen)) return _end.Value;
        var clock = Clock!.Value;
        var oldest = await OldestTransactionAsync(cancellationToken);
        _end.Move(seen, clock, oldest);
        if (shape.IsTimestamp && seen > clock) Beyond = TextOf(seen - 1);
        if (!(seen <= _end.Value)) Held = oldest < clock ? $"a transaction that is open in the account since {TextOf(oldest)} holds back what may be read"
            : shape.IsTimestamp && seen > clock ? "its greatest watermark is ahead of the account's clock" : null;
        // Both are moments of the calendar.
        if (!(_end.Value >= seen)) Behind = _end.WholeAt is { } whole ? new TimeSpan(Math.Max(0, clock - whole) * TimeSpan.TicksPerMicrosecond) : null;
        return _end.Value;
    }

    /// <summary>One more than the greatest watermark, as far as positions go; null: there is none.</summary>
    public async ValueTask<long?> GreatestAsync(CancellationToken cancellationToken) => await AskGreatestAsync(cancellationToken) is { } greatest ? BehindOf(greatest) : null;

    /// <summary>Up to where moments may be read by the clock alone, whatever was read before.</summary>
    public async ValueTask<long> ByClockAsync(CancellationToken cancellationToken) => Math.Min(Clock!.Value - LagMicros(options), await OldestTransactionAsync(cancellationToken));

    /// <summary>A watermark as a position; what lies outside of all positions counts as the nearest one.</summary>
    public long PositionOf(string watermark) => shape.IsTimestamp ? Micros(watermark, isNearest: true) : Integer(watermark);

    /// <summary>A moment for people.</summary>
    public static string TextOf(long micros) => Moments.OfMicroseconds(DateTimeOffset.UnixEpoch, micros).InWords();

    private Task<string?> AskGreatestAsync(CancellationToken cancellationToken) => client.QueryCellAsync(thing, $"SELECT MAX({quotedWatermark}) FROM {quotedTable}", cancellationToken);

    private long BehindOf(string greatest) => PositionOf(greatest) is var position && position == long.MaxValue ? position : position + 1;

    private static long LagMicros(SnowflakeSourceOptions options) => options.CommitLag.Ticks / TimeSpan.TicksPerMicrosecond;

    /// <summary>When the oldest open transaction began; the end of time when there is none, or none is looked for.</summary>
    private async ValueTask<long> OldestTransactionAsync(CancellationToken cancellationToken)
    {
        // Columns: id, user, session, name, started_on, state, scope.
        const int startedOn = 4;
        if (!options.WatchTransactions) return long.MaxValue;
        var open = await client.QueryAsync(thing, "SHOW TRANSACTIONS IN ACCOUNT", cancellationToken);
        return open.Count == 0 ? long.MaxValue : open.Min(transaction => Micros(transaction.ElementAtOrDefault(startedOn)));
    }

    private long Integer(string cell) =>
        CellParsers.TryDecimal(Encoding.UTF8.GetBytes(cell), precision: 38, scale: 0, out var value) ? (long)Int128.Clamp(value, long.MinValue, long.MaxValue)
            : throw new PipelineException(FaultKind.Invalid, thing, $"the watermark {cell} is not a whole number", "Choose another watermark column.");

    /// <param name="isNearest">What lies outside of years 1 to 9999 counts as the nearest that does not.</param>
    private long Micros(string? cell, bool isNearest = false)
    {
        var text = Encoding.UTF8.GetBytes(cell ?? "");
        if (isNearest ? CellParsers.TryNearestTimestamp(text, out var micros) : CellParsers.TryTimestamp(text, out micros)) return micros;
        throw new PipelineException(FaultKind.Invalid, thing, $"'{cell}' is not a timestamp between years 1 and 9999",
            "Correct the greatest value of the watermark column in Snowflake.");
    }
}

/// <summary>How far a watermark may be read, given what was seen so far. Times are in microseconds of the account's clock.</summary>
internal abstract class WatermarkEnd
{
    /// <summary>Null before the first move.</summary>
    public long? Value { get; protected set; }

    /// <summary>By the clock, the moment up to which nothing visible lies at or beyond the end; null before the first move.</summary>
    public abstract long? WholeAt { get; }

    /// <summary>Whether a look at the clock can move the end.</summary>
    /// <param name="seen">One more than the greatest watermark that is visible.</param>
    public abstract bool MayMove(long seen);

    /// <param name="seen">One more than the greatest watermark that was visible.</param>
    /// <param name="clock">The clock, after that.</param>
    /// <param name="oldestOpen">The start of the oldest transaction that was open after that.</param>
    public abstract void Move(long seen, long clock, long oldestOpen);
}

/// <summary>
/// For watermarks that are moments (TIMESTAMP_LTZ and TIMESTAMP_TZ): the clock minus the lag, and not beyond the start of
/// an open transaction. One that is not open any more, or not yet, has committed or writes later moments.
/// </summary>
internal sealed class MomentEnd(long lagMicros) : WatermarkEnd
{
    public override long? WholeAt => Value;

    public override bool MayMove(long seen) => Value is null || seen > Value;

    public override void Move(long seen, long clock, long oldestOpen)
    {
        var end = Math.Min(seen, Math.Min(clock - lagMicros, oldestOpen));
        Value = Math.Max(end, Value ?? end);
    }
}

/// <summary>
/// For watermarks that only grow (integers, and TIMESTAMP_NTZ, which does not say in whose time zone): what was visible a
/// lag ago, once everything that was open then has ended. A TIMESTAMP_NTZ beyond the clock in UTC waits, so that one
/// wrong row cannot hide all that follow.
/// </summary>
internal sealed class GrowingEnd(long lagMicros, bool isTimestamp) : WatermarkEnd
{
    /// <summary>Looks that wait; when there are so many, later ones are not remembered until some are done with.</summary>
    private const int LooksMax = 1_000;

    private readonly Queue<(long Clock, long End)> _looks = new();
    private long? _newest;
    private long? _wholeAt;

    public override long? WholeAt => _wholeAt;

    public override bool MayMove(long seen) => _looks.Count > 0 || _newest is null || seen > _newest;

    public override void Move(long seen, long clock, long oldestOpen)
    {
        var end = isTimestamp ? Math.Min(seen, clock) : seen;
        if ((_newest is null || end > _newest) && _looks.Count < LooksMax)
        {
            _looks.Enqueue((clock, end));
            _newest = end;
        }

        while (_looks.TryPeek(out var look) && look.Clock <= clock - lagMicros && look.Clock < oldestOpen)
        {
            (Value, _wholeAt) = (look.End, look.Clock);
            _looks.Dequeue();
        }
    }
}
