using Apache.Arrow;
using Pipeline.Core;
using Pipeline.Configuration;
using Pipeline.Delta.Log;
using Pipeline.Transform.Contracts;

namespace Pipeline.Transform.Graph;

/// <summary>A Gold table, what its query reads and the columns it returns.</summary>
public sealed record GoldNode(GoldTable Gold, IReadOnlyList<TableId> Inputs, IReadOnlyList<Field> Columns)
{
    public TableId Table => Gold.Table;
}

/// <summary>All Silver and Gold tables and what depends on what; type-checked before anything runs.</summary>
public sealed class TransformGraph
{
    private readonly Dictionary<TableId, SilverContract> _silver;
    private readonly Dictionary<TableId, GoldNode> _gold;

    internal TransformGraph(IReadOnlyList<SilverContract> silver, IReadOnlyList<GoldNode> gold, IReadOnlyList<ConfigProblem>? unportable = null)
    {
        Silver = silver;
        Gold = gold;
        Unportable = unportable ?? [];
        _silver = silver.ToDictionary(contract => contract.Table);
        _gold = gold.ToDictionary(node => node.Table);
    }

    /// <summary>In configuration order.</summary>
    public IReadOnlyList<SilverContract> Silver { get; }

    /// <summary>Every table after those it reads.</summary>
    public IReadOnlyList<GoldNode> Gold { get; }

    /// <summary>SQL that has another answer on another engine than DuckDB, with the form to write.</summary>
    public IReadOnlyList<ConfigProblem> Unportable { get; }

    /// <summary>The same of one table.</summary>
    public IEnumerable<ConfigProblem> UnportableOf(TableId table)
    {
        var path = table.ToString().Replace('/', '.');
        return Unportable.Where(problem => problem.Path == path || problem.Path.StartsWith($"{path}.", StringComparison.Ordinal));
    }

    /// <summary>What a table says of its engine itself; null: nothing.</summary>
    public EngineKind? EngineOf(TableId table) => TrySilver(table) is { } contract ? contract.Engine : TryGold(table)?.Gold.Engine;

    /// <summary>What a table is configured to say to people; null: nothing.</summary>
    public TableWords? WordsOf(TableId table) => TrySilver(table) is { } contract
        ? TableWords.Of(contract.Description, contract.Columns.Where(column => column.Description is not null).Select(column => KeyValuePair.Create(column.Name, column.Description!)))
        : TryGold(table) is { Gold: var gold } ? TableWords.Of(gold.Description, gold.ColumnDescriptions) : null;

    /// <summary>Where a table is configured.</summary>
    public SourceLocation LocationOf(TableId table) => TrySilver(table)?.Location ?? TryGold(table)!.Gold.Location;

    /// <summary>Silver tables, then Gold tables in order.</summary>
    public IEnumerable<TableId> Tables => Silver.Select(contract => contract.Table).Concat(Gold.Select(node => node.Table));

    public SilverContract? TrySilver(TableId table) => _silver.GetValueOrDefault(table);

    public GoldNode? TryGold(TableId table) => _gold.GetValueOrDefault(table);

    /// <summary>Tables that <paramref name="table"/> is made from: for Silver its Bronze table and the parents it refers to.</summary>
    public IReadOnlyList<TableId> InputsOf(TableId table) =>
        TrySilver(table) is { } contract ? [contract.From, .. contract.References.Select(reference => reference.Table).Distinct()]
        : TryGold(table)?.Inputs ?? [];

    /// <summary>Columns of a Silver or Gold table that does not exist yet.</summary>
    public IReadOnlyList<Field> ColumnsOf(TableId table) =>
        TrySilver(table) is { } contract ? GraphChecker.Columns(contract) : TryGold(table)?.Columns ?? [];

    /// <summary>The same without what is made of the tables of some sources, and without what is made of that.</summary>
    /// <returns>What is left, and the tables that are not of it.</returns>
    public (TransformGraph Graph, IReadOnlyList<TableId> LeftOut) Without(IReadOnlyCollection<string> sources)
    {
        if (sources.Count == 0) return (this, []);
        var gone = new HashSet<TableId>();
        // Contracts refer to each other in any order.
        for (var before = -1; before < gone.Count;)
        {
            before = gone.Count;
            gone.UnionWith(Silver.Where(contract => sources.Contains(contract.From.Source) || contract.References.Any(reference => gone.Contains(reference.Table))).Select(contract => contract.Table));
        }

        foreach (var node in Gold.Where(node => node.Inputs.Any(gone.Contains))) gone.Add(node.Table);
        var unportable = gone.SelectMany(UnportableOf).ToHashSet();
        return (new TransformGraph([.. Silver.Where(contract => !gone.Contains(contract.Table))], [.. Gold.Where(node => !gone.Contains(node.Table))], [.. Unportable.Where(problem => !unportable.Contains(problem))]), [.. Tables.Where(gone.Contains)]);
    }

    /// <summary>The same with every table in this process, whatever is configured.</summary>
    public TransformGraph OnDuckDb() => new([.. Silver.Select(contract => contract with { Engine = EngineKind.Duckdb })], [.. Gold.Select(node => node with { Gold = node.Gold with { Engine = EngineKind.Duckdb } })]);

    /// <summary>The same with another contract of one table.</summary>
    internal TransformGraph With(SilverContract changed) => new([.. Silver.Select(contract => contract.Table == changed.Table ? changed : contract)], Gold);

    /// <summary>
    /// Reads <c>silver { … }</c> and <c>gold { … }</c> and checks the whole: contracts make empty tables, and DuckDB binds
    /// every rule and every Gold query against them. Every problem is noted in the readers with its file and line; with
    /// problems the graph is not to be used.
    /// </summary>
    /// <param name="bronzeTables">The tables that sources fill; null when they are not known here.</param>
    /// <param name="technical">What <see cref="SourceTable.TechnicalColumns"/> says of the tables that are known.</param>
    public static TransformGraph Bind(SettingsReader silver, SettingsReader gold, IReadOnlyCollection<TableId>? bronzeTables,
        IReadOnlyDictionary<TableId, IReadOnlyList<string>>? technical = null)
    {
        var contracts = SilverContractBinder.Bind(silver, bronzeTables, technical ?? new Dictionary<TableId, IReadOnlyList<string>>());
        var tables = GoldTableBinder.Bind(gold);
        using var checker = new GraphChecker(silver.Problems);
        return new TransformGraph(contracts, checker.Check(contracts, tables), checker.Unportable);
    }
}
