using System.Text;
using Apache.Arrow.Types;
using Pipeline.Core;

namespace Pipeline.Transform.Dialects;

internal sealed class SparkDialect : SqlDialect
{
    public override string Engine => "spark";

    internal override bool RepeatsExpressions => false;

    internal override bool IsTwoPart => false;

    public override string Name(string name) => '`' + name.Replace("`", "``", StringComparison.Ordinal) + '`';

    // A backslash begins an escape, and two quotes are two literals side by side.
    public override string Text(string value) =>
        '\'' + value.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("'", "\\'", StringComparison.Ordinal) + '\'';

    public override string Type(IArrowType type) => type switch
    {
        BooleanType => "BOOLEAN",
        Int8Type => "TINYINT",
        Int16Type => "SMALLINT",
        Int32Type => "INT",
        Int64Type => "BIGINT",
        FloatType => "FLOAT",
        DoubleType => "DOUBLE",
        Decimal128Type d => $"DECIMAL({d.Precision},{d.Scale})",
        Date32Type => "DATE",
        TimestampType => "TIMESTAMP",
        StringType => "STRING",
        BinaryType => "BINARY",
        ListType list => $"ARRAY<{Type(list.ValueDataType)}>",
        MapType map => $"MAP<{Type(map.KeyField.DataType)}, {Type(map.ValueField.DataType)}>",
        StructType structure => $"STRUCT<{string.Join(", ", structure.Fields.Select(field => $"{Name(field.Name)}: {Type(field.DataType)}"))}>",
        _ => throw new NotSupportedException($"Arrow type {type.Name} has no Spark type in the lake."),
    };

    // Views have one-part names.
    public override string Relation(TableId table) => $"{LayerOf(table)}__{table.Name}";

    public override string Table(TableId table) => Name(Relation(table));

    public override string List(IEnumerable<string> items) => $"array({string.Join(", ", items)})";

    public override string Item(string array, int index) => $"{array}[{index - 1}]";

    public override string Each(string array, string item, string body) => $"transform({array}, {item} -> {body})";

    public override string Any(string array, string item, string condition) => $"exists({array}, {item} -> {condition})";

    public override string? JsonPrepared(string document) => Call("json_exact", document);

    public override string JsonTexts(string document, string? prepared, IEnumerable<JsonPath> paths) =>
        $"CASE WHEN {Call("is_json_object_of", document, prepared!)} THEN {Each(List(paths.Select(path => $"get_json_object({prepared}, {PathText(path)})")), "_text", Call("json_unmark", "_text"))} END";

    public override string PathText(JsonPath path) => Text(path.Write(name => $"['{name}']"));

    public override string ToText(string expression, IArrowType type) => type switch
    {
        BinaryType => $"hex({expression})",
        TimestampType => $"concat(CAST({expression} AS STRING), '+00')",
        ListType or MapType or StructType => Call("list_text", expression),
        _ => $"CAST({expression} AS STRING)",
    };

    public override string JsonObject(IEnumerable<(string Name, string Text)> members) =>
        $"to_json(named_struct({string.Join(", ", members.Select(member => $"{Text(member.Name)}, {member.Text}"))}), map('ignoreNullFields', 'false'))";

    public override string JsonMembers(string json, IReadOnlyCollection<string> names) => List(names.Select(name => JsonMember(json, name)));

    private string JsonMember(string json, string name) => name.Length == 0 || name == "*" || name.Contains('\'', StringComparison.Ordinal)
        // Paths cannot name these.
        ? $"try_element_at(from_json({json}, 'MAP<STRING,STRING>'), {Text(name)})" : $"get_json_object({json}, {Text($"$['{name}']")})";

    internal override string Replacement(string replacement)
    {
        var text = new StringBuilder();
        for (var i = 0; i < replacement.Length; i++)
        {
            if (replacement[i] == '\\' && i + 1 < replacement.Length) text.Append(char.IsAsciiDigit(replacement[i + 1]) ? '$' : '\\').Append(replacement[++i]);
            else if (replacement[i] == '$') text.Append("\\$");
            else text.Append(replacement[i]);
        }

        return text.ToString();
    }

    internal override string? FormOf(SqlFunction function) => function.Spark;

    internal override string IntegerDivision => " DIV ";

    // After a backslash a line comment goes on, and a comment that begins with + is a hint.
    internal override string Comment(string comment) => " ";

    internal override string TypeWord(string word) => word.ToUpperInvariant() switch
    {
        "VARCHAR" or "TEXT" or "CHAR" or "BPCHAR" => "STRING",
        "BLOB" or "BYTEA" or "VARBINARY" => "BINARY",
        "TIMESTAMPTZ" => "TIMESTAMP",
        "INTEGER" or "INT4" => "INT",
        "INT8" or "LONG" => "BIGINT",
        "INT2" or "SHORT" => "SMALLINT",
        "REAL" or "FLOAT4" => "FLOAT",
        "FLOAT8" => "DOUBLE",
        "BOOL" => "BOOLEAN",
        "NUMERIC" => "DECIMAL",
        _ => word,
    };

    internal override string TableName(string schema, string name) => Name($"{schema.ToLowerInvariant()}__{name}");

    internal override string Once(string expression, Func<string, string> body, int depth) => $"transform(array({expression}), _a{depth} -> {body($"_a{depth}")})[0]";
}
