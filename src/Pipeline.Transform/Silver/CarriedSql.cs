using Apache.Arrow;
using Pipeline.Core;
using Pipeline.Transform.Contracts;
using Pipeline.Transform.Dialects;

namespace Pipeline.Transform.Silver;

/// <summary>Which columns of a contract a row has the values of, by its list of what it carries.</summary>
internal sealed class CarriedSql(SilverContract contract, Schema bronze, SqlDialect dialect)
{
    private readonly BronzeShape _shape = BronzeShape.Of(bronze);

    /// <summary>
    /// Whether a row has the value of a column, among rows with <c>_existing</c>. One that is made of several is known when all of them are; of a
    /// row of the table, whose list is of columns that are known by themselves, when the list has its own mark.
    /// </summary>
    public string Of(string column) => Froms(column).Count > 1 ? $"CASE WHEN _existing THEN {OfTable(column)} ELSE {OfBronze(column)} END" : OfBronze(column);

    /// <summary>The same of a row of Bronze.</summary>
    public string OfBronze(string column)
    {
        var froms = Froms(column);
        return froms.Count == 0 ? "true" : string.Join(" AND ", froms.Select(Lists)) + OrFirst(column, froms);
    }

    /// <summary>The same of a row of the Silver table.</summary>
    public string OfTable(string column) => Froms(column).Count == 0 ? "true" : Lists(Mark(column));

    /// <summary>Whether rows may be without the value of a column.</summary>
    public bool MayLack(string column) => Froms(column).Count > 0;

    /// <summary>What the list of known columns has for a column: the Bronze column that it is read from, unless these are none or many.</summary>
    public string Mark(string column) => Froms(column) is [var from] ? from : $"={column}";

    /// <summary>
    /// Whether a row has all that its source has of it, so that what it does not carry is not there any more. Only a change from a log is
    /// a part of its row.
    /// </summary>
    public string IsAllOfSource => _shape.AreMembersCarried ? $"{_shape.Changed} IS NULL" : _shape.Sequence is { } sequence ? $"{_shape.Changed} IS NULL OR COALESCE({sequence}, -1) < 0" : "true";

    /// <summary>Whether nothing that the contract reads, and the source still has, is missing in a row.</summary>
    /// <param name="isTable">It is of the Silver table.</param>
    public string IsWhole(bool isTable)
    {
        var read = contract.Columns.Select(column => column.Name).Where(name => _shape.Changed is not null && MayLack(name)).Select(name => isTable ? OfTable(name) : $"({OfBronze(name)})").ToList();
        return read.Count == 0 || IsAllOfSource == "true" ? "true" : $"({IsAllOfSource} OR {string.Join(" AND ", read)})";
    }

    private string Lists(string from) => dialect.Call("carries", _shape.Changed!, dialect.Text(from));

    /// <summary>The first of some that has a value is known where those before it are: a column that a source has renamed stands last, and no change carries it.</summary>
    private string OrFirst(string column, List<string> froms)
    {
        var isFirst = froms.Count > 1 && contract.Column(column).Value is ColumnExpression.Call { Function: ColumnFunction.Coalesce } call && call.Arguments.Count == froms.Count && call.Arguments.All(argument => argument.Sources.Count() == 1);
        if (!isFirst) return "";
        var carried = froms.Select(Lists).ToList();
        var ends = Enumerable.Range(1, froms.Count - 1).Select(known => $"({string.Join(" AND ", carried.Select((has, i) => i < known ? has : $"NOT {has}"))})");
        return $" OR ({dialect.Name(column)} IS NOT NULL AND ({string.Join(" OR ", ends)}))";
    }

    private List<string> Froms(string column) =>
        [.. contract.Column(column).Sources.Select(source => SilverTables.CarriedAs(source, bronze.FieldsList, _shape)).OfType<string>().Distinct(StringComparer.Ordinal)];
}
