using Pipeline.Configuration;

namespace Pipeline.Demo.Tests.Data;

/// <summary>A contract of <c>hocon/silver</c>, read as simply as possible: what the naive medallion needs of it.</summary>
internal sealed record NaiveContract(string Name, string Source, bool IsJson, IReadOnlyList<NaiveColumn> Columns, IReadOnlyList<string> Key,
    IReadOnlyList<NaiveRule> Rules, IReadOnlyList<NaiveReference> References)
{
    public static IReadOnlyList<NaiveContract> All { get; } = [.. ReferenceConfiguration.Files("silver", "*.conf").Select(Read)];

    private static NaiveContract Read(string file)
    {
        var problems = new List<ConfigProblem>();
        var (name, settings) = ReferenceConfiguration.Settings(file, problems).Children().Single();
        var isJson = settings.String("format", "columns") == "json";
        var contract = new NaiveContract(
            name,
            settings.String("from").Split('/')[1],
            isJson,
            [.. settings.Section("columns").Children().Select(column => NaiveColumn.Read(column.Name, column.Settings))],
            settings.Strings("key"),
            [.. settings.Sections("rules").Select(rule => new NaiveRule(rule.String("name"), rule.String("check"), rule.String("severity") == "warn"))],
            [.. settings.Sections("references").Select(reference =>
                new NaiveReference(reference.String("name"), reference.String("column"), reference.String("table").Split('/')[1], reference.String("to")))]);
        return problems.Count == 0 ? contract : throw new ConfigurationException(problems);
    }
}

/// <param name="Expression">The value's text, from the Bronze columns.</param>
internal sealed record NaiveColumn(string Name, string SqlType, bool IsRequired, string Expression)
{
    public static NaiveColumn Read(string name, SettingsReader settings)
    {
        var type = settings.String("type");
        var path = settings.OptionalString("path");
        return new NaiveColumn(
            name,
            type switch { "string" => "VARCHAR", "long" => "BIGINT", "timestamp" => "TIMESTAMPTZ", _ => type.ToUpperInvariant() },
            settings.Bool("required", byDefault: false),
            path is not null ? $"CASE WHEN json_valid(value) THEN json_extract_string(value, '{path}') END" : settings.String("from", name));
    }
}

internal sealed record NaiveRule(string Name, string Check, bool IsWarning);

internal sealed record NaiveReference(string Name, string Column, string Table, string To);
