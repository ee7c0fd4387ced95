using Apache.Arrow.Types;
using Pipeline.Configuration;
using Pipeline.Core;
using Pipeline.Transform.Dialects;

namespace Pipeline.Transform.Contracts;

/// <summary>What a contract's column makes of the documents that its source's schemas describe: paths that none has, and values that are of no such type.</summary>
internal static class DocumentFit
{
    private const int NamesMax = 12;

    private const DocumentKinds Numbers = DocumentKinds.Integer | DocumentKinds.Number;
    private const DocumentKinds Texts = DocumentKinds.Text | DocumentKinds.IntegerText;

    /// <summary>Null: there is nothing to tell.</summary>
    /// <param name="documents">Of the column that is read, the newest first.</param>
    public static Finding? Of(SilverContract contract, SilverColumn column, string path, SourceDocument[] documents)
    {
        if (documents is not [var newest, .. var older] || JsonPath.TryParse(path) is not { } parsed) return null;
        var thing = $"{contract.Table}.{column.Name} ({column.Location ?? contract.Location})";
        var walk = Walk(newest.Shape, parsed);
        if (walk.Shape is { } shape) return column.Value is null ? OfType(thing, column, parsed, newest, walk.IsInList ? DocumentShape.List(() => shape) : shape) : null;

        if (older.FirstOrDefault(document => Walk(document.Shape, parsed).Shape is { } there && there != DocumentShape.Any) is { } last)
            return new Finding(thing, Ok: true, $"{path} is in documents by {last.Schema} and in none by {newest.Schema}: newer rows have no value");
        var names = walk.Names.Order(StringComparer.Ordinal).ToList();
        var nearest = SettingsReader.Nearest(walk.Step, names);
        var there = names.Count == 0 ? "" : $" It has: {string.Join(", ", names.Take(NamesMax))}{(names.Count > NamesMax ? $" and {names.Count - NamesMax} more" : "")}.";
        return walk.MayBe ? new Finding(thing, Ok: true, $"{newest.Schema} does not name {path}, though documents may have it{nearest}{there}".TrimEnd('.'))
            : new Finding(thing, Ok: false, $"no document by {newest.Schema} has {path}", $"Correct {(column.Value is null ? "path" : "value")}{nearest}{there}");
    }

    private static Finding? OfType(string thing, SilverColumn column, JsonPath path, SourceDocument document, DocumentShape shape)
    {
        if (shape.Kinds == DocumentKinds.None || column.Type is StringType or BinaryType) return null;
        var wanted = ColumnType.Format(column.Type);
        if (!CanBe(shape, column.Type))
            return new Finding(thing, Ok: false, $"{path} is {Words(shape)} by {document.Schema}, and none is of type {wanted}: every row that has one would go to the quarantine as {SilverContract.TypeRule(column.Name)}", NextStep(shape, column.Type, path));
        if (column.Type is Decimal128Type type && shape.Kinds == DocumentKinds.Number && shape.Scale > type.Scale)
            return new Finding(thing, Ok: false, $"{path} has up to {shape.Scale} digits behind the point by {document.Schema}, and type = {wanted} rounds away {shape.Scale - type.Scale} of them", "Write a type with as many, or let the source give what is wanted.");
        return (shape.Kinds & DocumentKinds.Text) != DocumentKinds.None || (shape.Kinds != DocumentKinds.Integer && shape.Kinds != DocumentKinds.IntegerText && IsInteger(column.Type))
            ? new Finding(thing, Ok: true, $"{path} is {Words(shape)} by {document.Schema}, read as {wanted}: a row whose value is none goes to the quarantine as {SilverContract.TypeRule(column.Name)}") : null;
    }

    /// <summary>Whether any value of a shape has one of the type.</summary>
    private static bool CanBe(DocumentShape shape, IArrowType type) => type switch
    {
        StringType or BinaryType => true,
        BooleanType => (shape.Kinds & (DocumentKinds.Boolean | DocumentKinds.Symbol | Numbers | Texts)) != DocumentKinds.None,
        Date32Type => (shape.Kinds & (DocumentKinds.Day | DocumentKinds.Text)) != DocumentKinds.None,
        TimestampType => (shape.Kinds & (DocumentKinds.Day | DocumentKinds.Moment | DocumentKinds.Text)) != DocumentKinds.None,
        ListType list => (shape.Kinds & DocumentKinds.Text) != DocumentKinds.None || ((shape.Kinds & DocumentKinds.List) != DocumentKinds.None && (shape.Items is not { Kinds: not DocumentKinds.None } items || CanBe(items, list.ValueDataType))),
        _ => (shape.Kinds & (Numbers | Texts)) != DocumentKinds.None,
    };

    private static bool IsInteger(IArrowType type) => type is Int64Type or Int32Type or Int16Type or Int8Type;

    private static string NextStep(DocumentShape shape, IArrowType type, JsonPath path) => (shape.Kinds, type) switch
    {
        ((DocumentKinds.Integer or DocumentKinds.IntegerText), TimestampType) => $"If it is a moment as a number, write value = \"epoch_ms(path('{path}'))\", epoch_s or epoch_us.",
        ((DocumentKinds.Integer or DocumentKinds.IntegerText), Date32Type) => $"If it is a day as a number, write value = \"epoch_d(path('{path}'))\".",
        (DocumentKinds.Moment, Date32Type) => "Write type = timestamp.",
        (DocumentKinds.Object, _) => "Write type = string for its JSON, or a path to what is in it.",
        (DocumentKinds.List, not ListType) => $"Write type = \"array<{ColumnType.Format(type)}>\", or a path to one item.",
        _ => "Write the type that its values have, or type = string.",
    };

    private static string Words(DocumentShape shape) => string.Join(" or ", Enum.GetValues<DocumentKinds>().Where(kind => kind is not (DocumentKinds.None or DocumentKinds.Any) && shape.Kinds.HasFlag(kind)).Select(kind => kind switch
    {
        DocumentKinds.Boolean => "true or false",
        DocumentKinds.Integer => "a whole number",
        DocumentKinds.Number => "a number",
        DocumentKinds.IntegerText => "a whole number as text",
        DocumentKinds.Day => "a day",
        DocumentKinds.Moment => "a moment",
        DocumentKinds.Time => "a time or a duration",
        DocumentKinds.Uuid => "a UUID",
        DocumentKinds.Bytes => "bytes as base64",
        DocumentKinds.Symbol => "one of some names",
        DocumentKinds.Object => "an object",
        DocumentKinds.List => "a list",
        _ => "text",
    }));

    private static PathWalk Walk(DocumentShape document, JsonPath path)
    {
        var (shape, isInList) = (document, false);
        foreach (var step in path.Steps)
        {
            if (JsonPath.IsItem(step))
            {
                if (shape.Items is not { } items) return new PathWalk(null, step, [], MayBe: false, isInList);
                (shape, isInList) = (items, isInList || step == JsonPath.Each);
            }
            else if (shape.Members.TryGetValue(step, out var member))
            {
                shape = member;
            }
            else
            {
                if (shape.Others is null || (shape.Others == DocumentShape.Any && shape.Members.Count > 0)) return new PathWalk(null, step, shape.Members.Keys, shape.Others is not null, isInList);
                shape = shape.Others;
            }
        }

        return new PathWalk(shape, "", [], MayBe: false, isInList);
    }

    /// <param name="Shape">What is at the path's end; null: the schema does not say that there is such a thing.</param>
    /// <param name="Step">The step that leads nowhere.</param>
    /// <param name="Names">What there is in its place.</param>
    /// <param name="MayBe">Whether documents may have what their schema has not.</param>
    /// <param name="IsInList">Whether all items of a list are meant.</param>
    private sealed record PathWalk(DocumentShape? Shape, string Step, IEnumerable<string> Names, bool MayBe, bool IsInList);
}
