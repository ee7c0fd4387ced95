
namespace Pipeline.Demo.Session;

/// <summary>What must be, because it was generated, and what the lake holds.</summary>
internal readonly record struct Balance(decimal Expected, decimal Found)
{
    public bool IsEven => Expected == Found;

    public override string ToString() => IsEven ? $"{Found:#,0.##}" : $"{Found:#,0.##} (not {Expected:#,0.##})";
}

/// <summary>A source table's rows: each has exactly one fate.</summary>
internal sealed record TableBalance(string Table, long Generated, Balance DeadLetters, Balance Bronze, Balance Silver, Balance Quarantined, Balance Superseded)
{
    public bool IsEven => DeadLetters.IsEven && Bronze.IsEven && Silver.IsEven && Quarantined.IsEven && Superseded.IsEven;
}

/// <summary>Rows that break a rule: planted and found.</summary>
internal sealed record DirtBalance(string Table, string Rule, string Severity, Balance Rows);

/// <summary>A Gold table's rows, and sums over them that a wrong join or a lost change would spoil.</summary>
internal sealed record GoldBalance(string Table, Balance Rows, IReadOnlyDictionary<string, Balance> Totals)
{
    public bool IsEven => Rows.IsEven && Totals.Values.All(total => total.IsEven);
}

/// <summary>A demo's end: everything generated against everything found.</summary>
internal sealed record DemoReport(IReadOnlyList<TableBalance> Tables, IReadOnlyList<DirtBalance> Dirt, IReadOnlyList<GoldBalance> Gold)
{
    public bool IsBalanced => Tables.All(table => table.IsEven) && Dirt.All(dirt => dirt.Rows.IsEven) && Gold.All(table => table.IsEven);

    public int Differences =>
        Tables.Count(table => !table.IsEven) + Dirt.Count(dirt => !dirt.Rows.IsEven) + Gold.Count(table => !table.IsEven);
}
