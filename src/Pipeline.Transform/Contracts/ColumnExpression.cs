using System.Text.RegularExpressions;

namespace Pipeline.Transform.Contracts;

/// <summary>
/// How a column's value is made of what its source has: names of columns (of a JSON record: of its members), texts in quotes, numbers,
/// and the functions of <see cref="ColumnFunction"/>. It never fails on a row: what has no value is null.
/// </summary>
public abstract partial record ColumnExpression
{
    private const int DepthMax = 16;

    private ColumnExpression()
    {
    }

    /// <summary>A column or member by its name, or by a path into the document that a column holds.</summary>
    /// <param name="Column">Null: the one that holds the whole record.</param>
    public sealed record Source(string? Column, string? Path) : ColumnExpression;

    /// <summary>A constant, as text.</summary>
    public sealed record Literal(string Text) : ColumnExpression;

    public sealed record Call(ColumnFunction Function, IReadOnlyList<ColumnExpression> Arguments) : ColumnExpression;

    /// <summary>What of the source it reads.</summary>
    public IEnumerable<Source> Sources => this switch
    {
        Source source => [source],
        Call call => call.Arguments.SelectMany(argument => argument.Sources),
        _ => [],
    };

    /// <summary>Null for what is none, with what is wrong.</summary>
    /// <param name="isRecord">Names are of members of the record, but for those that begin with <c>_</c>.</param>
    public static ColumnExpression? TryParse(string text, bool isRecord, out string? fault)
    {
        var tokens = Token().Matches(text).Select(match => match.Value).Where(token => !string.IsNullOrWhiteSpace(token)).ToList();
        var reader = new Reader(tokens, isRecord);
        var expression = reader.Read(0);
        fault = reader.Fault ?? (reader.IsAtEnd ? null : $"'{reader.Rest}' is left over");
        return fault is null ? expression : null;
    }

    [GeneratedRegex(@"'(?:[^']|'')*'|""(?:[^""]|"""")+""|-?[0-9]+(?:[.][0-9]+)?|[A-Za-z_][A-Za-z0-9_]*|\s+|.")]
    private static partial Regex Token();

    private sealed class Reader(List<string> tokens, bool isRecord)
    {
        private int _at;

        public string? Fault { get; private set; }

        public bool IsAtEnd => _at == tokens.Count;

        public string Rest => string.Concat(tokens.Skip(_at));

        public ColumnExpression? Read(int depth)
        {
            if (depth > DepthMax) return Wrong($"it is nested more than {DepthMax} deep");
            if (IsAtEnd) return Wrong("it ends where a name, a text in quotes or a number belongs");
            var token = tokens[_at++];
            if (token.Length >= 2 && token[0] == '\'') return new Literal(token[1..^1].Replace("''", "'", StringComparison.Ordinal));
            if (token.Length >= 2 && token[0] == '"') return Named(token[1..^1].Replace("\"\"", "\"", StringComparison.Ordinal));
            if (char.IsAsciiDigit(token[^1]) && (char.IsAsciiDigit(token[0]) || token[0] == '-')) return new Literal(token);
            if (!char.IsAsciiLetter(token[0]) && token[0] != '_') return Wrong($"'{token}' is not a name, a text in quotes or a number");
            if (IsAtEnd || tokens[_at] != "(") return token is "true" or "false" ? new Literal(token) : Named(token);
            _at++;
            var arguments = new List<ColumnExpression>();
            do
            {
                if (Read(depth + 1) is not { } argument) return null;
                arguments.Add(argument);
            }
            while (Takes(","));

            if (!Takes(")")) return Wrong($"a ) is missing behind {token}(…");
            return token == "path" ? Path(arguments) : Call(token, arguments);
        }

        private ColumnExpression? Path(List<ColumnExpression> arguments) => arguments switch
        {
            [Literal path] when isRecord && Dialects.JsonPath.TryParse(path.Text) is { Array: null } => new Source(null, path.Text),
            [Source { Path: null } document, Literal path] when Dialects.JsonPath.TryParse(path.Text) is { Array: null } => document with { Path = path.Text },
            _ => Wrong(isRecord ? "write path('$.name.name')" : "write path(COLUMN, '$.name.name')"),
        };

        private ColumnExpression? Call(string name, List<ColumnExpression> arguments)
        {
            if (!Enum.TryParse<ColumnFunction>(name.Replace("_", "", StringComparison.Ordinal), ignoreCase: true, out var function) || ColumnFunctions.NameOf(function) != name)
                return Wrong($"there is no function {name}{Configuration.SettingsReader.Nearest(name, ColumnFunctions.Names)} Allowed: {string.Join(", ", ColumnFunctions.Names)}");
            return ColumnFunctions.FaultOf(function, arguments) is { } fault ? Wrong(fault) : new Call(function, arguments);
        }

        private Source Named(string name) => isRecord && name[0] != '_' ? new Source(null, Dialects.JsonPath.TryParse($"$.{name}") is null ? $"$['{name}']" : $"$.{name}") : new Source(name, null);

        private bool Takes(string token)
        {
            if (IsAtEnd || tokens[_at] != token) return false;
            _at++;
            return true;
        }

        private ColumnExpression? Wrong(string fault)
        {
            Fault ??= fault;
            return null;
        }
    }
}
