using System.Text.Json;
using Apache.Arrow.Types;
using Pipeline.Configuration;
using Pipeline.Transform.Dialects;

namespace Pipeline.Transform.Graph;

/// <summary>
/// Judges whether configured SQL has the same answer on every engine, by its syntax tree and, for what a tree does not show, by its
/// text. What is refused is told with the form that is portable.
/// </summary>
internal sealed class SqlPortability
{
    private static readonly HashSet<string> JoinKinds = new(StringComparer.Ordinal) { "REGULAR", "CROSS", "NATURAL" };

    private static readonly HashSet<string> DateParts = new(StringComparer.OrdinalIgnoreCase) { "year", "quarter", "month", "day", "doy", "week", "hour", "minute" };

    private static readonly HashSet<string> TruncatedTo = new(StringComparer.OrdinalIgnoreCase) { "year", "quarter", "month", "week", "day", "hour" };

    private static readonly HashSet<string> Types = new(StringComparer.Ordinal)
        { "BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "FLOAT", "DOUBLE", "DECIMAL", "DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "VARCHAR", "BLOB" };

    private readonly SqlTree _tree;
    private readonly SqlNames _names;
    private readonly List<SqlFault> _faults = [];

    private SqlPortability(SqlTree tree, SqlNames names)
    {
        _tree = tree;
        _names = names;
    }

    /// <summary>What is not portable; nothing when all is.</summary>
    /// <param name="columns">The columns of the tables that the SQL may name.</param>
    public static IReadOnlyList<SqlFault> Of(SqlTree tree, string sql, IReadOnlyDictionary<string, IArrowType?> columns)
    {
        var judge = new SqlPortability(tree, new SqlNames(tree, columns));
        judge.JudgeText(sql);
        SqlTree.Visit(tree.Statement, judge.Judge);
        return [.. judge._faults.OrderBy(fault => fault.Line)];
    }

    /// <summary>What the tree does not show.</summary>
    private void JudgeText(string sql)
    {
        var tokens = SqlToken.Split(sql);
        var line = 1;
        for (var i = 0; i < tokens.Count; line += tokens[i].Raw.Count(c => c == '\n'), i++)
        {
            var (token, next) = (tokens[i], i + 1 < tokens.Count ? tokens[i + 1] : default);
            var after = tokens.Skip(i + 1).FirstOrDefault(t => t.Kind != SqlTokenKind.Space);
            if (token.IsSymbol("::")) Fault(line, "'::' is not known to each engine. Write CAST(x AS TYPE)");
            else if (token.IsSymbol("$$")) Fault(line, "'$$' is not known to each engine. Write 'text', with '' for a quote");
            else if (token.Kind == SqlTokenKind.Word && next.Kind == SqlTokenKind.Text && token.Raw.Length == 1) Fault(line, $"{token.Raw}'...' is not known to each engine. Write 'text', with '' for a quote and a backslash as it is");
            else if (token.Kind == SqlTokenKind.Number && token.Raw.Contains('_', StringComparison.Ordinal)) Fault(line, $"{token.Raw} is not known to each engine. Write {token.Raw.Replace("_", "", StringComparison.Ordinal)}");
            else if (token.IsWord("FILTER") && after.IsSymbol("(") && !tokens.Skip(i + 1).Where(t => t.Kind != SqlTokenKind.Space).Skip(1).FirstOrDefault().IsWord("WHERE")) Fault(line, "FILTER is not complete for each engine. Write FILTER (WHERE condition)");
            else if (token.Kind == SqlTokenKind.Word && after.IsSymbol("(") && (PortableFunctions.OfIntervals.Contains(token.Raw) || token.IsWord("trunc"))) Fault(line, $"'{token.Raw}' is not known to each engine. Write INTERVAL '1' DAY");
        }
    }

    private void Judge(JsonElement node)
    {
        if (Text(node, "type") is not { } type) return;
        switch (type)
        {
            case "SELECT_NODE" when node.GetProperty("qualify").ValueKind != JsonValueKind.Null:
                Fault(node, "QUALIFY is not known to each engine. Write row_number() in a subquery and WHERE around it");
                break;
            case "RECURSIVE_CTE_NODE":
                Fault(node, "WITH RECURSIVE is not known to each engine. Write the steps out, or cross join a list of digits");
                break;
            case "SET_OPERATION_NODE" when Text(node, "setop_type") == "UNION_BY_NAME":
                Fault(node, "UNION BY NAME is not known to each engine. Write the columns in one order");
                break;
            case "DISTINCT_MODIFIER" when node.GetProperty("distinct_on_targets").GetArrayLength() > 0:
                Fault(node, "DISTINCT ON is not known to each engine. Write row_number() in a subquery and WHERE around it");
                break;
            case "LIMIT_PERCENT_MODIFIER":
                Fault(node, "LIMIT of a percentage is not known to each engine. Write a number of rows");
                break;
            case "JOIN" when !JoinKinds.Contains(Text(node, "ref_type")!):
                Fault(node, $"{Text(node, "ref_type")} JOIN is not known to each engine. Write JOIN ... ON");
                break;
            case "TABLE_FUNCTION":
                Fault(node, "a function in place of a table is not known to each engine. Write SELECT ... UNION ALL SELECT ...");
                break;
            case "BASE_TABLE":
                if (_names.OtherCaseOfTable(node) is { } table) Fault(node, $"'{Text(node, "table_name")}' is written in another case, which some engines tell apart. Write {table}");
                break;
            case "SELECT_NODE":
                JudgeLimit(node);
                break;
            default:
                if (Text(node, "class") is { } kind) JudgeExpression(node, kind, type);
                break;
        }
    }

    /// <summary>Which rows a LIMIT takes depends on where nulls stand; in a whole table their order is nobody's business.</summary>
    private void JudgeLimit(JsonElement select)
    {
        var modifiers = select.GetProperty("modifiers").EnumerateArray().ToList();
        if (!modifiers.Exists(modifier => Text(modifier, "type") == "LIMIT_MODIFIER")) return;
        foreach (var order in modifiers.Where(modifier => Text(modifier, "type") == "ORDER_MODIFIER")) JudgeOrders(order.GetProperty("orders"));
    }

    private void JudgeOrders(JsonElement orders)
    {
        foreach (var order in orders.EnumerateArray().Where(order => Text(order, "type") != "DESCENDING" && Text(order, "null_order") == "ORDER_DEFAULT"))
            Fault(order.GetProperty("expression"), "where nulls stand is another place on each engine. Write ORDER BY x NULLS LAST");
    }

    private void JudgeExpression(JsonElement node, string kind, string type)
    {
        switch (kind)
        {
            case "COLUMN_REF":
                if (_names.OtherCase(node) is { } name) Fault(node, $"'{node.GetProperty("column_names").EnumerateArray().Last().GetString()}' is written in another case, which some engines tell apart. Write {name}");
                break;
            case "FUNCTION":
                JudgeFunction(node);
                break;
            case "WINDOW":
                if (!PortableFunctions.Names.Contains(Text(node, "function_name")!)) Fault(node, $"'{Text(node, "function_name")}' over a window is not known to each engine. Use row_number, rank, lag, lead, sum, min or max");
                JudgeOrders(node.GetProperty("orders"));
                break;
            case "CAST":
                JudgeCast(node);
                break;
            case "COLLATE":
                Fault(node, "COLLATE is not known to each engine. Compare lower_ascii(x)");
                break;
            case "LAMBDA":
                Fault(node, "a lambda is not known to each engine. Write the expression out");
                break;
            case "STAR" when node.GetProperty("exclude_list").GetArrayLength() > 0 || node.GetProperty("replace_list").GetArrayLength() > 0 || node.GetProperty("columns").GetBoolean():
                Fault(node, "* with EXCLUDE, REPLACE or COLUMNS is not known to each engine. Write the columns out");
                break;
            case "POSITIONAL_REFERENCE":
                Fault(node, "'#1' is not known to each engine. Write the column's name");
                break;
            case "COMPARISON":
                JudgeTypes(node, [node.GetProperty("left"), node.GetProperty("right")]);
                break;
            case "BETWEEN":
                JudgeTypes(node, [node.GetProperty("input"), node.GetProperty("lower"), node.GetProperty("upper")]);
                break;
            case "OPERATOR" when type is "COMPARE_IN" or "COMPARE_NOT_IN" or "OPERATOR_COALESCE":
                JudgeTypes(node, [.. node.GetProperty("children").EnumerateArray()]);
                break;
            case "OPERATOR" when type is "ARRAY_EXTRACT" or "ARRAY_SLICE" or "STRUCT_EXTRACT":
                Fault(node, "items of lists are counted in another way on each engine. Write json_text(x, '$[0]') for JSON");
                break;
            case "CASE":
                JudgeTypes(node, [.. node.GetProperty("case_checks").EnumerateArray().Select(check => check.GetProperty("then_expr")), node.GetProperty("else_expr")]);
                break;
            default:
                break;
        }
    }

    private void JudgeFunction(JsonElement node)
    {
        var name = Text(node, "function_name")!.ToLowerInvariant();
        var arguments = node.GetProperty("children").EnumerateArray().ToList();
        if (!PortableFunctions.Names.Contains(name))
        {
            Fault(node, $"'{name}' has another answer on each engine, or is not known to each. {(PortableFunctions.Forms.TryGetValue(name, out var form) ? $"Write {form}" : $"Use one of the functions that are{SettingsReader.Nearest(name, PortableFunctions.Names)}")}");
            return;
        }

        JudgeOrders(node.GetProperty("order_bys").GetProperty("orders"));
        switch (name)
        {
            case "/" or "//" or "%" when arguments.Count == 2:
                if (!SqlTypes.IsNeverZero(arguments[1])) Fault(node, $"what is divided by zero is another value on each engine. Write {(name == "/" ? "a / NULLIF(b, 0), or divide(a, b, precision, scale) for a decimal" : $"a {name} NULLIF(b, 0)")}");
                if (name == "/" && arguments.Exists(argument => _names.TypeOf(argument) is Decimal128Type))
                    Fault(node, "a quotient of decimals is another type on each engine. Write divide(a, b, precision, scale), or CAST both to DOUBLE");
                break;
            case "*" when arguments.Count == 2 && _names.TypeOf(arguments[0]) is var a && _names.TypeOf(arguments[1]) is var b && (a is Decimal128Type || b is Decimal128Type):
                if (SqlTypes.Digits(a) + SqlTypes.Digits(b) is > 18 && SqlTypes.Digits(a) < 38 && SqlTypes.Digits(b) < 38)
                    Fault(node, "a product of decimals may overflow on one engine and not on another. CAST one side to DECIMAL(38, scale)");
                break;
            case "-" when arguments.Count == 2 && arguments.TrueForAll(argument => _names.TypeOf(argument) is Date32Type):
                Fault(node, "a day minus a day is another type on each engine. Write datediff(a, b)");
                break;
            case "date_part" or "datepart":
                if (SqlTypes.Constant(arguments[0]) is { } part && !DateParts.Contains(part))
                    Fault(node, part.ToLowerInvariant() is "dow" or "isodow" or "dayofweek" or "weekday" ? $"{part.ToUpperInvariant()} counts days differently on each engine. Write dayofweek(d), for which Sunday is 1" : $"EXTRACT({part.ToUpperInvariant()}) is another value on each engine. Write one of {string.Join(", ", DateParts).ToUpperInvariant()}");
                break;
            case "date_trunc":
                if (SqlTypes.Constant(arguments[0]) is not { } unit || !TruncatedTo.Contains(unit)) Fault(node, $"date_trunc takes one of {string.Join(", ", TruncatedTo.Select(to => $"'{to}'"))}");
                break;
            case "regexp_like" or "regexp_replace" or "regexp_extract":
                JudgePattern(node, name, arguments);
                break;
            case "~~" or "!~~" or "~~*" or "!~~*":
                if (SqlTypes.Constant(arguments[1]) is not { } like) Fault(node, "a pattern of LIKE has to be a text, since a backslash in it is an escape on some engines. Write contains(x, y), or LIKE 'text%'");
                else if (like.Contains('\\', StringComparison.Ordinal)) Fault(node, "a backslash in a pattern of LIKE is an escape on some engines. Write LIKE '...' ESCAPE '!'");
                break;
            case "trim" or "ltrim" or "rtrim" when arguments.Count != 1:
                Fault(node, $"{name} of more than blanks is not known to each engine. Write {name}(t) for blanks, or regexp_replace(t, '^[...]+|[...]+\\z', '')");
                break;
            case "substr" or "substring" when arguments.Count > 1 && SqlTypes.Constant(arguments[1]) == "0":
                Fault(node, $"{name} from 0 begins elsewhere on each engine. Write {name}(t, 1, n)");
                break;
            case "left" or "right" when arguments.Count > 1 && SqlTypes.Constant(arguments[1]) is ['-', ..]:
                Fault(node, $"{name} of a negative length is another text on each engine. Write {name}(t, length(t) - n)");
                break;
            case "round" when arguments.Count == 2 && _names.TypeOf(arguments[0]) is DoubleType or FloatType:
                Fault(node, "a double is rounded differently on each engine. Write to_decimal(x, precision, scale)");
                break;
            case "avg" when _names.TypeOf(arguments[0]) is Decimal128Type:
                Fault(node, "an average of decimals is another type on each engine. Write divide(SUM(x), COUNT(x), precision, scale)");
                break;
            case "sha2" when arguments.Count != 2 || SqlTypes.Constant(arguments[1]) != "256":
                Fault(node, "sha2 is known to each engine with 256 bits. Write sha2(t, 256)");
                break;
            case "sha2" or "md5" or "concat_ws" or "||" when arguments.Exists(argument => _names.TypeOf(argument) is DoubleType or FloatType):
                Fault(node, "a double has another text on each engine, so it cannot be hashed or joined to text. Write to_decimal(x, precision, scale)");
                break;
            case "parse_decimal" or "to_decimal" or "divide" when arguments.TakeLast(2).Any(argument => SqlTypes.Constant(argument) is null):
                Fault(node, $"precision and scale have to be numbers. Write {name}(..., 18, 2)");
                break;
            default:
                if (PortableFunctions.OfIntervals.Contains(name) && !SqlTypes.IsConstantInterval(node)) Fault(node, "an interval has to be a number. Write INTERVAL '1' DAY, or date_add(d, n) for n days");
                break;
        }
    }

    private void JudgePattern(JsonElement node, string name, List<JsonElement> arguments)
    {
        if (arguments.Count < 2) return;
        if (SqlTypes.Constant(arguments[1]) is not { } pattern) Fault(node, $"the pattern of {name} has to be a text, since not all patterns mean the same on each engine. Write it out");
        else if (SqlPatterns.Fault(pattern) is { } fault) Fault(node, fault);
        else if (name == "regexp_replace" && SqlPatterns.MatchesNothing(pattern)) Fault(node, "a pattern that matches an empty text is replaced differently on each engine. Write one that matches at least a character, as with +");
        if (name == "regexp_replace" && (arguments.Count != 3 || SqlTypes.Constant(arguments[2]) is null)) Fault(node, "regexp_replace replaces all matches by a text. Write regexp_replace(t, 'pattern', 'text'), with \\1 for a group");
        if (name == "regexp_extract" && arguments.Count != 3) Fault(node, "which group regexp_extract gives is another one on each engine. Write regexp_extract(t, 'pattern', 1)");
        if (name == "regexp_like" && arguments.Count != 2) Fault(node, "options of a pattern are not known to each engine. Write regexp_like(t, 'pattern')");
    }

    private void JudgeCast(JsonElement node)
    {
        var type = Text(node.GetProperty("cast_type"), "id")!;
        if (!Types.Contains(type))
        {
            Fault(node, $"type {(type == "UNBOUND" ? Text(node.GetProperty("cast_type").GetProperty("type_info"), "name") : type)} is not known to each engine. Write one of BOOLEAN, SMALLINT, INT, BIGINT, FLOAT, DOUBLE, DECIMAL(p, s), DATE, TIMESTAMP, STRING, BINARY");
            return;
        }

        var from = _names.TypeOf(node.GetProperty("child"));
        if (type == "DECIMAL" && from is DoubleType or FloatType) Fault(node, "a double becomes another decimal on each engine. Write to_decimal(x, precision, scale), or divide(a, b, precision, scale) for a quotient");
        else if (type is "TINYINT" or "SMALLINT" or "INTEGER" or "BIGINT" && from is DoubleType or FloatType or Decimal128Type { Scale: > 0 } && !SqlTypes.IsWhole(node.GetProperty("child")))
            Fault(node, "a number with a fraction is rounded by one engine and cut off by another. Write CAST(round(x) AS BIGINT), or floor or ceil");
        else if (type == "VARCHAR" && from is DoubleType or FloatType) Fault(node, "a double has another text on each engine. Write CAST(to_decimal(x, precision, scale) AS STRING)");
        else if (type == "VARCHAR" && from is BinaryType) Fault(node, "bytes have another text on each engine. Write hex(x)");
        else if (type == "VARCHAR" && from is TimestampType) Fault(node, "a time has another text on each engine. Compare times, or CAST(x AS DATE)");
    }

    /// <summary>Text beside numbers, times or conditions: one engine fails, one converts, one says null.</summary>
    private void JudgeTypes(JsonElement node, IReadOnlyList<JsonElement> values)
    {
        var kinds = values.Select(value => (Value: value, Kind: SqlTypes.KindOf(_names.TypeOf(value)))).Where(value => value.Kind is not null).ToList();
        foreach (var (value, kind) in kinds.Skip(1))
        {
            if (kind == kinds[0].Kind || SqlTypes.IsDayOfText(value, kinds[0].Kind) || SqlTypes.IsDayOfText(kinds[0].Value, kind)) continue;
            Fault(node, $"{kinds[0].Kind} and {kind} beside each other are compared differently on each engine. CAST one to the other's type");
            return;
        }
    }

    private static string? Text(JsonElement node, string property) => node.TryGetProperty(property, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private void Fault(JsonElement node, string message) => Fault(_tree.LineOf(node), message);

    private void Fault(int line, string message) => _faults.Add(new SqlFault(message, line));
}
