using Apache.Arrow.Types;
using Pipeline.Core;
using Pipeline.Configuration;
using Pipeline.Transform.Dialects;

namespace Pipeline.Transform.Contracts;

/// <summary>Reads the <c>silver { … }</c> section: one child a table. Every problem is noted in the reader.</summary>
internal static class SilverContractBinder
{
    /// <summary>Bronze columns that <c>order-by</c> may name beside the contract's own and the source's.</summary>
    private static readonly string[] TechnicalColumns = [BronzeColumns.Position, BronzeColumns.IngestedAt];

    /// <param name="bronzeTables">The tables that sources fill; null when they are not known here.</param>
    /// <param name="technical">What <see cref="SourceTable.TechnicalColumns"/> says of the tables that are known.</param>
    public static IReadOnlyList<SilverContract> Bind(SettingsReader silver, IReadOnlyCollection<TableId>? bronzeTables,
        IReadOnlyDictionary<TableId, IReadOnlyList<string>> technical)
    {
        var bound = new List<(SilverContract Contract, SettingsReader Settings)>();
        foreach (var (name, settings) in silver.Children())
        {
            if (LakeName.FaultOfTable(name) is { } fault) silver.Report(name, fault);
            settings.ReportTwins("from", "tables");
            bound.Add((BindTable(name, settings, bronzeTables, technical), settings));
        }

        var contracts = bound.Select(table => table.Contract).ToList();
        foreach (var (contract, settings) in bound) CheckReferences(contract, settings, contracts);
        foreach (var (contract, settings) in bound) CheckCircles(contract, settings, contracts);
        return contracts;
    }

    private static SilverContract BindTable(string name, SettingsReader settings, IReadOnlyCollection<TableId>? bronzeTables,
        IReadOnlyDictionary<TableId, IReadOnlyList<string>> technical)
    {
        var from = Bronze(settings, bronzeTables);
        var format = settings.Choice<RecordFormat>("format", RecordFormat.Columns);
        var columns = settings.Section("columns").Children().Select(column => BindColumn(column.Name, column.Settings, format, settings)).ToList();
        if (columns.Count == 0) settings.Report("columns", "a table needs columns");
        var names = columns.Select(column => column.Name).ToList();

        var key = Known(settings, "key", names);
        if (settings.Strings("key").Count == 0) settings.Report("key", "is required: the columns that identify a row");
        foreach (var column in columns.Where(column => key.Contains(column.Name) && column.Mask == Mask.Redact))
            settings.Report("key", $"'{column.Name}' is redacted, so it cannot tell rows apart. Use mask = hash or another key");

        var orderBy = settings.Has("order-by") ? Known(settings, "order-by", [.. names, .. TechnicalColumns, .. technical.GetValueOrDefault(from, [])]) : [BronzeColumns.Position];
        foreach (var column in columns.Where(column => orderBy.Contains(column.Name) && column.Mask != Mask.None))
            settings.Report("order-by", $"'{column.Name}' is masked, so its order is lost. Order by another column");

        var fields = settings.Choice<FieldsPolicy>("fields", FieldsPolicy.Tell);
        if (fields == FieldsPolicy.Add && columns.Find(column => column.Mask != Mask.None) is { } masked)
            settings.Report("fields", $"add makes columns that nobody has classified, and '{masked.Name}' has a mask: what it hides may stand in another field too. Write fields = tell, and the columns that are wanted");

        var contract = new SilverContract
        {
            Table = TableId.Silver(name),
            From = from,
            Format = format,
            // A key without a value identifies nothing.
            Columns = [.. columns.Select(column => key.Contains(column.Name) ? column with { IsRequired = true } : column)],
            Key = key,
            OrderBy = orderBy,
            Rules = BindRules(settings),
            References = BindReferences(settings, names),
            Fields = fields,
            QuarantinePercentMax = settings.Has("quarantine-percent-max") ? settings.Int("quarantine-percent-max", 20, 1, 100) : null,
            Description = settings.OptionalString("description"),
            Tags = settings.Tags(),
            Engine = settings.Has("engine") ? settings.Choice<EngineKind>("engine", EngineKind.Auto) : null,
            Location = settings.Location,
        };
        settings.Complete();
        return contract;
    }

    private static TableId Bronze(SettingsReader settings, IReadOnlyCollection<TableId>? bronzeTables)
    {
        var unknown = TableId.Bronze("unknown", "unknown");
        var text = settings.String("from");
        if (text.Length == 0) return unknown;
        if (TryTable(text) is not { Layer: Layer.Bronze } table)
        {
            settings.Report("from", $"'{text}' is not a Bronze table. Write bronze/SOURCE/TABLE");
            return unknown;
        }

        if (bronzeTables is not null && !bronzeTables.Contains(table))
            settings.Report("from", $"no source fills '{text}'{SettingsReader.Nearest(text, bronzeTables.Select(known => known.ToString()))}");
        return table;
    }

    private static SilverColumn BindColumn(string name, SettingsReader settings, RecordFormat format, SettingsReader table)
    {
        if (LakeName.FaultOfColumn(name) is { } misnamed) table.Section("columns").Report(name, misnamed);
        var typeText = settings.String("type");
        var type = ColumnType.TryParse(typeText);
        if (type is null && typeText.Length > 0)
            settings.Report("type", $"'{typeText}' is not a type{SettingsReader.Nearest(typeText, ColumnType.Names)} Allowed: {ColumnType.Allowed}");

        var from = settings.OptionalString("from");
        var path = settings.OptionalString("path");
        var isDocument = from is null && format == RecordFormat.Json;
        if (isDocument) path ??= $"$.{name}";
        var parsed = path is null ? null : JsonPath.TryParse(path);
        if (path is not null && parsed is null)
            settings.Report("path", $"'{path}' is not a path. Write $.name.name, $.name[0], $['a name'], or $.name[*].name for an array of values");
        else if (parsed?.Array is not null && type is not (ListType or null))
            settings.Report("path", $"'{path}' is to many values, and {typeText} is for one. Write type = \"array<{typeText}>\"");

        var text = settings.OptionalString("value");
        string? fault = null;
        var value = text is null ? null : ColumnExpression.TryParse(text, format == RecordFormat.Json, out fault);
        if (fault is not null) settings.Report("value", $"is no expression: {fault}");
        if (text is not null && (settings.Has("from") || settings.Has("path"))) settings.Report("value", "says where the value comes from, and so does from or path. Write one of them");

        var column = new SilverColumn(name, type ?? StringType.Default, settings.Bool("required", byDefault: false),
            settings.Choice<Classification>("classification", Classification.Internal), settings.Choice<Mask>("mask", Mask.None), isDocument || value is not null ? null : from ?? name, value is null ? path : null) { Location = settings.Location, Value = value, ValueText = text, Description = settings.OptionalString("description") };
        settings.Complete();
        return column;
    }

    private static List<Rule> BindRules(SettingsReader table)
    {
        var rules = new List<Rule>();
        foreach (var settings in table.Sections("rules"))
        {
            var rule = new Rule(settings.String("name"), settings.String("check"), settings.Choice<Severity>("severity", Severity.Quarantine),
                settings.Choice<Dimension>("dimension", Dimension.Validity), settings.LocationOf("check"));
            if (rule.Name.Length > 0 && LakeName.FaultOfRule(rule.Name) is { } fault) settings.Report("name", fault);
            if (settings.Has("check") && string.IsNullOrWhiteSpace(rule.Check)) settings.Report("check", "is empty. Write a condition on the columns of a row");
            if (rules.Any(other => other.Name == rule.Name)) settings.Report("name", $"there are two rules '{rule.Name}'. Give each its own name");
            settings.Complete();
            rules.Add(rule);
        }

        return rules;
    }

    private static List<Reference> BindReferences(SettingsReader table, List<string> columns)
    {
        var references = new List<Reference>();
        foreach (var settings in table.Sections("references"))
        {
            var column = settings.String("column");
            if (column.Length > 0 && !columns.Contains(column))
                settings.Report("column", $"the table has no column '{column}'{SettingsReader.Nearest(column, columns)}");
            var parentText = settings.String("table");
            var parent = TryTable(parentText);
            if (parentText.Length > 0 && parent is not { Layer: Layer.Silver })
                settings.Report("table", $"'{parentText}' is not a Silver table. Write silver/TABLE");
            var name = settings.String("name", $"{column}_exists");
            if (LakeName.FaultOfRule(name) is { } fault) settings.Report("name", fault);
            var to = settings.String("to", column);
            var severity = settings.Choice<Severity>("severity", Severity.Quarantine);
            settings.Complete();
            references.Add(new Reference(name, column, parent ?? TableId.Silver("unknown"), to, severity));
        }

        return references;
    }

    /// <summary>What can only be seen when all contracts are known: the tables and columns that references point to.</summary>
    private static void CheckReferences(SilverContract contract, SettingsReader table, List<SilverContract> contracts)
    {
        var names = contract.Rules.Select(rule => rule.Name).ToHashSet(StringComparer.Ordinal);
        foreach (var (reference, settings) in contract.References.Zip(table.Sections("references")))
        {
            if (!names.Add(reference.Name)) settings.Report("name", $"there are two rules '{reference.Name}'. Give each its own name");
            if (!settings.Has("table") || TryTable(settings.String("table")) is not { Layer: Layer.Silver }) continue;
            if (reference.Table == contract.Table)
            {
                settings.Report("table", "a table cannot wait for itself. Remove the reference");
                continue;
            }

            var parent = contracts.Find(other => other.Table == reference.Table);
            if (parent is null)
            {
                settings.Report("table", $"there is no table '{reference.Table}'{SettingsReader.Nearest(reference.Table.ToString(), contracts.Select(c => c.Table.ToString()))}");
                continue;
            }

            var target = parent.Columns.FirstOrDefault(column => column.Name == reference.To);
            if (target is null)
                settings.Report("to", $"{reference.Table} has no column '{reference.To}'{SettingsReader.Nearest(reference.To, parent.Columns.Select(c => c.Name))}");
            else if (contract.Columns.FirstOrDefault(column => column.Name == reference.Column) is { } column && !CanMatch(column, target))
                settings.Report("to", $"{reference.Table}.{reference.To} ({Form(target)}) and {reference.Column} ({Form(column)}) differ in type or mask, so no row can match. Make them the same");
        }
    }

    /// <summary>Decimals are equal whatever their scale, but their hashes are of texts.</summary>
    private static bool CanMatch(SilverColumn one, SilverColumn other) =>
        one.Mask == other.Mask && (one.Type is Decimal128Type && other.Type is Decimal128Type && one.Mask == Mask.None || ColumnType.Format(one.Type) == ColumnType.Format(other.Type));

    private static string Form(SilverColumn column) => $"{ColumnType.Format(column.Type)}{(column.Mask == Mask.None ? "" : $", {column.Mask.ToString().ToLowerInvariant()}")}";

    /// <summary>Rows wait for those that they refer to: where these wait for them, both would for ever.</summary>
    private static void CheckCircles(SilverContract contract, SettingsReader table, List<SilverContract> contracts)
    {
        foreach (var (reference, settings) in contract.References.Zip(table.Sections("references")))
        {
            if (!IsAwaited(reference) || reference.Table == contract.Table || WayBack(reference.Table, contract.Table, contracts) is not { } way) continue;
            settings.Report("table", $"rows would wait for each other for ever: {string.Join(" waits for ", way.Prepend(contract.Table))}. Write severity = warn for one of these references");
        }
    }

    private static bool IsAwaited(Reference reference) => reference.Severity != Severity.Warn;

    /// <summary>The shortest way by references from a table to another; null when there is none.</summary>
    private static List<TableId>? WayBack(TableId from, TableId to, List<SilverContract> contracts)
    {
        var ways = new Queue<List<TableId>>([[from]]);
        var seen = new HashSet<TableId> { from };
        while (ways.TryDequeue(out var way))
        {
            if (way[^1] == to) return way;
            foreach (var next in contracts.Where(one => one.Table == way[^1]).SelectMany(one => one.References).Where(IsAwaited).Select(reference => reference.Table))
                if (seen.Add(next)) ways.Enqueue([.. way, next]);
        }

        return null;
    }

    private static List<string> Known(SettingsReader settings, string key, List<string> names)
    {
        var known = new List<string>();
        foreach (var name in settings.Strings(key))
        {
            if (!names.Contains(name)) settings.Report(key, $"the table has no column '{name}'{SettingsReader.Nearest(name, names)}");
            else if (!known.Contains(name)) known.Add(name);
        }

        return known;
    }

    private static TableId? TryTable(string text)
    {
        try
        {
            return TableId.Parse(text);
        }
        catch (FormatException)
        {
            return null;
        }
    }
}
