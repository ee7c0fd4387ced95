using Pipeline.Core;
using Pipeline.Operations.Control;
using Pipeline.Operations.Tables;

namespace Pipeline.Node.Http.Api.Documents;

/// <summary>What keeps a table.</summary>
/// <param name="Inputs">What it is made from, its own source's behind it.</param>
/// <param name="Hindrances">Its own first, then those of what it is made from; none: it does what it should.</param>
/// <param name="Orders">About it, and not done yet.</param>
/// <param name="NextAt">Of a table that runs at certain times, the next; null: it runs by its inputs.</param>
internal sealed record WhyDocument(int SchemaVersion, TableId Table, [property: Passing] double AgeSeconds, double SlaSeconds, IReadOnlyList<TableId> Inputs, IReadOnlyList<HindranceItem> Hindrances, IReadOnlyList<OrderItem> Orders, DateTimeOffset? NextAt)
{
    public static WhyDocument Of(WhyTableResult why) => new(ApiJson.SchemaVersion, why.Table.Table, why.Table.Age.TotalSeconds, why.Table.Sla.TotalSeconds, why.Inputs, [.. why.Hindrances.Select(HindranceItem.Of)], [.. why.Orders.Select(OrderItem.Of)], why.NextAt);

    /// <summary>As whoever asks the lake himself has it, but for what stands in the table.</summary>
    public WhyTableResult ToResult() => new(new TableSummary(Table, Version: null, Rows: null, Quarantine: null, TimeSpan.FromSeconds(AgeSeconds), TimeSpan.FromSeconds(SlaSeconds), Quality: null, Fault: null), Inputs,
        [.. Hindrances.Select(hindrance => hindrance.ToHindrance())], [.. Orders.Select(order => order.ToOrder())], NextAt);
}

/// <param name="Table">The table that is kept by it.</param>
/// <param name="Thing">What is waited for.</param>
/// <param name="Since">Null: it is not known.</param>
/// <param name="Help">The arguments of the command that ends it, where one does; a word in capitals is to be replaced.</param>
internal sealed record HindranceItem(TableId Table, HindranceKind Kind, string Thing, string Cause, string NextStep, DateTimeOffset? Since, IReadOnlyList<string> Help)
{
    public static HindranceItem Of(Hindrance hindrance) => new(hindrance.Table, hindrance.Kind, hindrance.Thing, hindrance.Cause, hindrance.NextStep, hindrance.Since, hindrance.Help);

    public Hindrance ToHindrance() => new(Table, Kind, Thing, Cause, NextStep, Since, [.. Help]);
}
