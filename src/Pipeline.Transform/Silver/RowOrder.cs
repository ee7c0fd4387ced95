using Apache.Arrow;
using Apache.Arrow.Types;
using Pipeline.Core;
using Pipeline.Transform.Contracts;
using Pipeline.Transform.Dialects;

namespace Pipeline.Transform.Silver;

/// <summary>
/// The one order of a Silver table's rows, its deletes, held rows, re-driven ones and truncates: the epoch; within an epoch the
/// contract's <c>order-by</c>, in which <c>_position</c> stands for what follows; then the position, or, where splits share keys, the time that does not go back within a split, the
/// split and the number in it; of one record that was read twice in the order of one epoch, the later reading. It is total and says the same of two rows in whatever runs they come.
/// </summary>
/// <remarks>
/// The epoch comes before <c>order-by</c>: what a source's values say is compared with nothing that an earlier source of that name
/// has said, and a row that a finished snapshot of the newer epoch confirms must not have lost to one that it removes.
/// A column that Bronze does not have yet orders nothing; null is epoch 0, and the oldest of all other values.
/// <para>What a record cannot carry does not place it. A delete often has its key alone, and a change what it has changed: the place of
/// such a delete is where its source has it, and what stood before it there is gone whatever <c>order-by</c> says of it
/// (<see cref="Stands"/>); such a change is as new as what stands.</para>
/// </remarks>
internal sealed class RowOrder
{
    private const string NoPlace = "0";

    /// <summary>More than a split has numbers.</summary>
    private const long SplitPlaces = 1L << 48;

    private readonly SqlDialect _sql;
    private readonly BronzeShape _shape;
    private readonly IReadOnlyList<string> _columns;
    private readonly IReadOnlyList<string> _own;
    private readonly IReadOnlyList<SilverColumn> _given;

    public RowOrder(SilverContract contract, Schema bronze, SqlDialect sql)
    {
        _given = [.. contract.OrderBy.Except(contract.Key, StringComparer.Ordinal).Where(name => contract.Columns.Any(column => column.Name == name)).Select(contract.Column)];
        _sql = sql;
        _shape = BronzeShape.Of(bronze);
        IReadOnlyList<string> own = !HasTime(_shape) ? _shape.Ordering : [BronzeColumns.OrderTime, .. _shape.Numbering is var (split, number) ? [split, number] : _shape.Ordering];
        // A part that is read again stands where it stood.
        if (_shape.Reading is { } reading) own = [.. own, reading];
        _own = own;
        // Who orders by the position means the order in which the source has its rows.
        _columns = [.. contract.OrderBy.SelectMany(name => name == BronzeColumns.Position ? own : [name]).Concat(own).Distinct(StringComparer.Ordinal)];
    }

    /// <summary>Whether splits of Bronze share keys, so that time decides between their rows.</summary>
    public static bool HasTime(BronzeShape shape) => shape.OrderTime is not null || shape.RecordTime is not null;

    /// <summary>The epoch's column; null: all rows are of epoch 0.</summary>
    public string? Epoch => _shape.Epoch;

    /// <summary>
    /// The terms of an ORDER BY, most important first. Where a contract orders by columns that records may not carry, over the
    /// rows of <see cref="Placed"/>.
    /// </summary>
    /// <param name="direction">With where nulls stand.</param>
    public IEnumerable<string> Terms(string direction) =>
        EpochTerm.Concat(HasGiven ? [Stands] : []).Concat(_columns.Select(Term)).Select(term => $"{term} {direction}");

    /// <summary>The terms of the order in which the source has its rows, the oldest first: whatever a contract orders by.</summary>
    public IEnumerable<string> OwnTerms => EpochTerm.Concat(_own.Select(_sql.Name)).Select(term => $"{term} ASC NULLS FIRST");

    /// <summary>The columns of <see cref="OwnTerms"/>.</summary>
    public IEnumerable<string> OwnColumns => (Epoch is null ? [] : new[] { Epoch }).Concat(_own).Distinct(StringComparer.Ordinal);

    /// <summary>Whether the contract orders by columns that records may not carry.</summary>
    public bool HasGiven => _given.Count > 0;

    /// <summary>
    /// The rows of a relation, with what <see cref="Terms"/> name beside their columns, as parts of a WITH after <paramref name="rows"/>;
    /// the last is <c>placed</c>.
    /// </summary>
    /// <param name="rows">Has <c>_op</c> and <c>_existing</c> beside the table's columns.</param>
    /// <param name="key">The key's columns.</param>
    /// <param name="carries">Whether a row has the value of a column; asked where changes are partial.</param>
    public string Placed(string rows, string key, Func<string, string> carries)
    {
        var isTold = _shape.Changed is not null ? "_op = 'd'" : $"_op = 'd' AND ({string.Join(" OR ", _given.Select(column => $"{_sql.Name(column.Name)} IS NULL"))})";
        var places = _given.Select((column, i) => $"{Place(column)} AS {PlaceName(i)}");
        var own = OwnTerms.Concat(_given.Select(column => $"{_sql.Name(column.Name)} ASC NULLS FIRST"));
        return $"""
            ,
            counted AS (
              SELECT *, row_number() OVER (PARTITION BY {key} ORDER BY {string.Join(", ", [.. own, "_existing ASC NULLS FIRST"])}) AS _step FROM {rows}
            ),
            told AS (
              SELECT *, max(CASE WHEN {isTold} THEN _step ELSE 0 END) OVER (PARTITION BY {key}) AS _told FROM counted
            ),
            standing AS (
              SELECT *, _step >= _told AS {Stands}, {isTold} AS _tells FROM told
            ),
            placed AS (
              SELECT {string.Join(", ", ["*", .. places])} FROM standing
            )
            """;

        string Place(SilverColumn column)
        {
            var name = _sql.Name(column.Name);
            if (_shape.Changed is null) return $"CASE WHEN NOT _tells THEN {name} END";
            var has = carries(column.Name);
            return $"CASE WHEN _tells THEN NULL WHEN {has} THEN {name} ELSE max(CASE WHEN NOT _tells AND {has} THEN {name} END) OVER (PARTITION BY {string.Join(", ", [key, .. EpochTerm, Stands])} ORDER BY _step ROWS UNBOUNDED PRECEDING) END";
        }
    }

    /// <summary>Whether no delete that says nothing of the contract's order has come after the row.</summary>
    private const string Stands = "_stands";

    private static string PlaceName(int index) => $"_place_{index}";

    private IEnumerable<string> EpochTerm => Epoch is null ? [] : [EpochOf("")];

    private string Term(string column) =>
        _given.ToList().FindIndex(given => given.Name == column) is var index and >= 0 ? PlaceName(index) : _sql.Name(column);

    /// <summary>A row's epoch.</summary>
    /// <param name="prefix">Of the name of Bronze's column there.</param>
    public string EpochOf(string prefix) => Epoch is null ? "0" : $"COALESCE({prefix}{Epoch}, 0)";

    /// <summary>
    /// Where a row stands among the ends of its table: its position, or, where splits share keys, its time in microseconds.
    /// </summary>
    /// <param name="prefix">Of the names of the Silver table's columns there.</param>
    public string PositionOf(string prefix) => AreEndsTimed ? Microseconds($"{prefix}{BronzeColumns.OrderTime}") : $"{prefix}_position";

    /// <summary>The same of a row of Bronze.</summary>
    public string PositionInBronze(string prefix) => AreEndsTimed ? Microseconds(TimeOf(column => prefix + column)) : $"{prefix}_position";

    /// <summary>A row's place among those of its position: a change's in its transaction, or the split and the number in it.</summary>
    /// <inheritdoc cref="EpochOf"/>
    public string PlaceOf(string prefix) => AreEndsTimed && _shape.Numbering is var (split, number) ? $"({_sql.Cast($"{prefix}{split}", Int64Type.Default)} * {SplitPlaces} + {prefix}{number})"
        : _shape.Sequence is { } column ? $"{prefix}{column}" : NoPlace;

    /// <summary>The time by which a row of Bronze is put in order.</summary>
    /// <param name="column">A column of Bronze.</param>
    public string TimeOf(Func<string, string> column)
    {
        var known = new[] { _shape.OrderTime, _shape.RecordTime }.OfType<string>().Select(column).ToList();
        return known is [var only] ? only : $"COALESCE({string.Join(", ", known)})";
    }

    /// <summary>The columns of Bronze that say whether a row comes before an end.</summary>
    public IReadOnlyList<string> Placing =>
    [
        .. new[] { _shape.Sequence, Epoch }.OfType<string>(),
        .. AreEndsTimed && _shape.Numbering is var (split, number) ? new[] { _shape.OrderTime, _shape.RecordTime, split, number }.OfType<string>() : [],
    ];

    /// <summary>The same as a relation selects them for <see cref="IsBefore"/>.</summary>
    public IEnumerable<string> PlacingOf(Func<string, string> column) =>
        Placing.Where(name => !AreEndsTimed || (name != _shape.OrderTime && name != _shape.RecordTime)).Select(name => $"{column(name)} AS {name}")
            .Concat(AreEndsTimed ? [$"{TimeOf(column)} AS {BronzeColumns.OrderTime}"] : []);

    /// <summary>Positions of different splits are not compared: an end and the rows before it are placed as the rows are.</summary>
    private bool AreEndsTimed => _shape.AreMembersCarried && HasTime(_shape);

    private string Microseconds(string time) => $"COALESCE({_sql.Call("epoch_us", time)}, 0)";

    /// <summary>
    /// Whether a row comes before the end of a table at its source: a truncate, or, without a position, a whole epoch that a finished
    /// snapshot begins.
    /// </summary>
    /// <param name="row">Prefix of the row's columns.</param>
    /// <param name="end">Prefix of <c>_epoch</c>, <c>_position</c> and <c>_place</c>.</param>
    public string IsBefore(string row, string end)
    {
        var position = PositionOf(row);
        var inOrder = $"{position} < {end}_position{(_shape.Sequence is null && !AreEndsTimed ? "" : $" OR ({position} = {end}_position AND COALESCE({PlaceOf(row)}, 0) < {end}_place)")}";
        return Epoch is null ? $"COALESCE({inOrder}, false)" : $"COALESCE({EpochOf(row)} < {end}_epoch OR ({EpochOf(row)} = {end}_epoch AND ({inOrder})), false)";
    }

    /// <summary>The order of such ends, the last first.</summary>
    public static string LastEnd => "_epoch DESC NULLS LAST, _position DESC NULLS LAST, _place DESC NULLS LAST";
}
