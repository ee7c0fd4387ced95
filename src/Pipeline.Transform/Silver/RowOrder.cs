using Apache.Arrow;
using Pipeline.Core;
using Pipeline.Transform.Contracts;
using Pipeline.Transform.Dialects;

namespace Pipeline.Transform.Silver;

/// <summary>
/// The one order of a Silver table's rows, its deletes, held rows, re-driven ones and truncates: the epoch; within an epoch the
/// contract's <c>order-by</c>, in which <c>_position</c> stands for what follows; then the position, or, where splits share keys, the time that does not go back within a split, the
/// split and the number in it. It is total and says the same of two rows in whatever runs they come.
/// </summary>
/// <remarks>
/// The epoch comes before <c>order-by</c>: what a source's values say is compared with nothing that an earlier source of that name
/// has said, and a row that a finished snapshot of the newer epoch confirms must not have lost to one that it removes.
/// A column that Bronze does not have yet orders nothing; null is epoch 0, and the oldest of all other values.
/// </remarks>
internal sealed class RowOrder
{
    private const string NoPlace = "0";

    private readonly SqlDialect _sql;
    private readonly BronzeShape _shape;
    private readonly IReadOnlyList<string> _columns;

    public RowOrder(SilverContract contract, Schema bronze, SqlDialect sql)
    {
        _sql = sql;
        _shape = BronzeShape.Of(bronze);
        IReadOnlyList<string> own = !HasTime(_shape) ? _shape.Ordering : [BronzeColumns.OrderTime, .. _shape.Numbering is var (split, number) ? [split, number] : _shape.Ordering];
        // Who orders by the position means the order in which the source has its rows.
        _columns = [.. contract.OrderBy.SelectMany(name => name == BronzeColumns.Position ? own : [name]).Concat(own).Distinct(StringComparer.Ordinal)];
    }

    /// <summary>Whether splits of Bronze share keys, so that time decides between their rows.</summary>
    public static bool HasTime(BronzeShape shape) => shape.OrderTime is not null || shape.RecordTime is not null;

    /// <summary>The epoch's column; null: all rows are of epoch 0.</summary>
    public string? Epoch => _shape.Epoch;

    /// <summary>The terms of an ORDER BY, most important first.</summary>
    /// <param name="direction">With where nulls stand.</param>
    public IEnumerable<string> Terms(string direction) =>
        (Epoch is null ? [] : new[] { EpochOf("") }).Concat(_columns.Select(_sql.Name)).Select(term => $"{term} {direction}");

    /// <summary>A row's epoch.</summary>
    /// <param name="prefix">Of the name of Bronze's column there.</param>
    public string EpochOf(string prefix) => Epoch is null ? "0" : $"COALESCE({prefix}{Epoch}, 0)";

    /// <summary>A change's place among those of its position.</summary>
    /// <inheritdoc cref="EpochOf"/>
    public string PlaceOf(string prefix) => _shape.Sequence is { } column ? $"{prefix}{column}" : NoPlace;

    /// <summary>
    /// Whether a row comes before the end of a table at its source: a truncate, or, without a position, a whole epoch that a finished
    /// snapshot begins.
    /// </summary>
    /// <param name="row">Prefix of the row's columns.</param>
    /// <param name="end">Prefix of <c>_epoch</c>, <c>_position</c> and <c>_place</c>.</param>
    public string IsBefore(string row, string end)
    {
        var inOrder = $"{row}_position < {end}_position{(_shape.Sequence is null ? "" : $" OR ({row}_position = {end}_position AND COALESCE({PlaceOf(row)}, 0) < {end}_place)")}";
        return Epoch is null ? $"COALESCE({inOrder}, false)" : $"COALESCE({EpochOf(row)} < {end}_epoch OR ({EpochOf(row)} = {end}_epoch AND ({inOrder})), false)";
    }

    /// <summary>The order of such ends, the last first.</summary>
    public static string LastEnd => "_epoch DESC NULLS LAST, _position DESC NULLS LAST, _place DESC NULLS LAST";
}
