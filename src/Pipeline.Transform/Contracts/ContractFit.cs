using Apache.Arrow;
using Apache.Arrow.Types;
using Pipeline.Configuration;
using Pipeline.Core;
using Pipeline.Transform.Dialects;
using Pipeline.Transform.Silver;

namespace Pipeline.Transform.Contracts;

/// <summary>
/// What a contract makes of the columns that its source has now, before a row is read: columns that are not there, values that would
/// be rounded, and types in which some texts have no value.
/// </summary>
public static class ContractFit
{
    /// <summary>One finding for each column that is not taken as it is, with the line of the configuration.</summary>
    /// <param name="bronze">The source's table, as it is described now.</param>
    /// <param name="deletesCarry">As of <see cref="SourceTable"/>.</param>
    /// <param name="referred">The contract's columns that other contracts refer to.</param>
    /// <param name="documents">As of <see cref="ISource.DescribeDocumentsAsync"/>.</param>
    public static IReadOnlyList<Finding> Of(SilverContract contract, Schema bronze, IReadOnlyList<string>? deletesCarry = null, IReadOnlyList<string>? referred = null, IReadOnlyList<SourceDocument>? documents = null)
    {
        ArgumentNullException.ThrowIfNull(contract);
        var fields = SilverSql.BronzeFields(bronze);
        var shape = BronzeShape.Of(bronze);
        return
        [
            .. contract.Columns.Select(column => OfColumn(contract, column, fields, shape, documents ?? [])).OfType<Finding>(),
            .. deletesCarry is null ? [] : contract.KeyColumns.Select(column => OfDeletes(contract, column, deletesCarry, shape)).OfType<Finding>(),
            .. contract.References.Select(reference => reference.Column).Concat(referred ?? []).Distinct(StringComparer.Ordinal)
                .Select(name => contract.Columns.FirstOrDefault(column => column.Name == name)).OfType<SilverColumn>().Select(column => OfReferred(contract, column, bronze, fields)).OfType<Finding>(),
            .. contract.OrderBy.Where(name => contract.Columns.All(column => column.Name != name) && fields.All(field => field.Name != name))
                .Select(name => new Finding($"{contract.Table}.order-by ({contract.Location})", Ok: false, $"{contract.From} has no column '{name}'", $"Order by one of: {Names(fields)}.")),
        ];
    }

    /// <summary>A delete is quarantined that does not say which row it deletes.</summary>
    private static Finding? OfDeletes(SilverContract contract, SilverColumn column, IReadOnlyList<string> carried, BronzeShape shape) =>
        column.Sources.Select(source => source.Column ?? shape.Document).FirstOrDefault(from => from is not null && !carried.Contains(from, StringComparer.OrdinalIgnoreCase)) is { } missing
            ? new Finding($"{contract.Table}.{column.Name} ({column.Location ?? contract.Location})", Ok: false, $"it is of the key and is read from {missing}, which a delete of {contract.From} does not have: all of them would go to the quarantine",
                $"Read it from what a delete has: from = {string.Join(" or ", carried)}, with a path if that is JSON.")
            : null;

    /// <summary>Rows would wait for parents that are there, where the source takes values for equal that differ in the lake.</summary>
    private static Finding? OfReferred(SilverContract contract, SilverColumn column, Schema bronze, IReadOnlyList<Field> fields)
    {
        if (column.Type is not StringType) return null;
        var found = column.Sources.Where(source => source.Path is null && source.Column is not null).Select(source => SilverTables.TryBronze(fields, source.Column!)).OfType<Field>()
            .Select(field => (field.Name, Equality: bronze.EqualityOf(field.Name))).FirstOrDefault(one => one.Equality != ValueEquality.Same);
        var (alike, next) = found.Equality switch
        {
            ValueEquality.Number => ("numbers whatever zeros stand at their end (1.0 and 1.00)", "Write type = \"decimal(38,6)\", with the digits that its values have, at both ends of the reference."),
            ValueEquality.Padded when !Calls(column.Value, ColumnFunction.Trim) => ("texts whatever blanks stand at their end", $"Write value = \"trim({found.Name})\" at both ends of the reference."),
            ValueEquality.Caseless when !Calls(column.Value, ColumnFunction.Lower) && !Calls(column.Value, ColumnFunction.Upper) => ("texts whatever the case of their letters", $"Write value = \"lower({found.Name})\" at both ends of the reference."),
            _ => ("", ""),
        };
        return alike.Length == 0 ? null
            : new Finding($"{contract.Table}.{column.Name} ({column.Location ?? contract.Location})", Ok: false, $"it is of a reference, and {contract.From} takes for equal in {found.Name} {alike}: rows would wait for parents that are there", next);
    }

    private static bool Calls(ColumnExpression? value, ColumnFunction function) =>
        value is ColumnExpression.Call call && (call.Function == function || call.Arguments.Any(argument => Calls(argument, function)));

    private static Finding? OfColumn(SilverContract contract, SilverColumn column, IReadOnlyList<Field> fields, BronzeShape shape, IReadOnlyList<SourceDocument> documents) =>
        column.Sources.Select(source => OfSource(contract, column, source, fields, shape, documents)).FirstOrDefault(finding => finding is not null);

    private static Finding? OfSource(SilverContract contract, SilverColumn column, ColumnExpression.Source source, IReadOnlyList<Field> fields, BronzeShape shape, IReadOnlyList<SourceDocument> documents)
    {
        var thing = $"{contract.Table}.{column.Name} ({column.Location ?? contract.Location})";
        if ((source.Column ?? shape.Document) is not { } from)
            return new Finding(thing, Ok: false, $"no column of {contract.From} holds a whole record", $"Remove format = json, or say with from which column holds the document: {Names(fields)}.");
        if (SilverTables.TryBronze(fields, from) is not { } field)
            return new Finding(thing, Ok: false, $"{contract.From} has no column '{from}'", $"Correct {(column.Value is null ? "from" : "value")}{SettingsReader.Nearest(from, fields.Select(one => one.Name))} It has: {Names(fields)}.");
        if (source.Path is not null)
            return field.DataType is StringType ? DocumentFit.Of(contract, column, source.Path, [.. documents.Where(document => document.Column == field.Name)])
                : new Finding(thing, Ok: false, $"{from} is {ColumnType.Format(field.DataType)}, and {source.Path} is a path into JSON text", "Remove path, or read the column that has the document.");
        if (column.Value is not null) return null;

        var (given, wanted) = (ColumnType.Format(field.DataType), ColumnType.Format(column.Type));
        if (Rounded(field.DataType, column.Type) is { } loss)
            return new Finding(thing, Ok: false, $"{from} is {given}, and type = {wanted} {loss}", $"Write type = \"{given}\", or let the source give what is wanted.");
        return Conversion.Of(SqlDialect.DuckDb, "x", field.DataType, column.Type).CanFail
            ? new Finding(thing, Ok: true, $"{from} is {given}, read as {wanted}: a row whose value is none goes to the quarantine as {SilverContract.TypeRule(column.Name)}") : null;
    }

    /// <summary>What becomes of values that keep their row and change in silence; null: none do.</summary>
    private static string? Rounded(IArrowType from, IArrowType to) => (from, to) switch
    {
        (Decimal128Type a, Decimal128Type b) when b.Scale < a.Scale => $"rounds away {a.Scale - b.Scale} of {a.Scale} digits behind the point",
        (Decimal128Type or DoubleType, FloatType) => "keeps seven digits",
        (DoubleType or FloatType, Decimal128Type { Scale: 0 }) => "rounds away all digits behind the point",
        _ => null,
    };

    private static string Names(IEnumerable<Field> fields) => string.Join(", ", fields.Select(field => field.Name));
}
