namespace Pipeline.Demo.Data.Tables;

/// <summary>
/// <c>crm.financial_transactions</c>: a payment for each clean order (<c>pending</c> with it, <c>settled</c> a gap later)
/// and a refund when it ends cancelled or returned. Dirt: unknown orders, missing amounts, payments entered twice.
/// </summary>
internal sealed class Transactions(GeneratorSettings settings, Orders orders) : IDatabaseFeed<FinancialTransaction>
{
    private const int RefundVersion = 2;
    private static readonly Fate OrderUnknown = Fate.Quarantined("order_exists");
    private static readonly Fate AmountMissing = Fate.Quarantined("required:amount");

    public string Name => "financial_transactions";

    public IReadOnlyList<string> Key => ["TRANSACTION_ID"];

    public IReadOnlyList<Column<FinancialTransaction>> Columns { get; } =
    [
        new("TRANSACTION_ID", ColumnKind.Long, t => t.TransactionId),
        new("ORDER_ID", ColumnKind.Long, t => t.OrderId),
        new("TRANSACTION_TYPE", ColumnKind.Text, t => t.TransactionType),
        new("AMOUNT", ColumnKind.Decimal, t => t.Amount),
        new("CURRENCY", ColumnKind.Text, t => t.Currency),
        new("STATUS", ColumnKind.Text, t => t.Status),
        new("PROVIDER_REFERENCE", ColumnKind.Text, t => t.ProviderReference),
        new("TRANSACTED_AT", ColumnKind.Timestamp, t => t.TransactedAt),
        new("DETAILS", ColumnKind.Json, t => t.Details),
    ];

    public IEnumerable<Planted<FinancialTransaction>> Rows(int tick)
    {
        foreach (var (order, version) in orders.Cohort.At(tick))
        {
            var isHistory = order <= orders.Cohort.Initial;
            // Payments of history are settled: their orders' later versions do not concern them.
            if (!Orders.IsClean(order) || (isHistory && version > 0)) continue;

            if (version < RefundVersion)
            {
                var payment = new Planted<FinancialTransaction>(Payment(order, isSettled: isHistory || version == 1), Fate.Accepted(version));
                yield return payment;
                if (version == 0 && order % 139 == 5) yield return payment with { Fate = Fate.Again };
            }

            if (HasRefund(order) && (isHistory || version == RefundVersion))
                yield return new(Refund(order), Fate.New);

            if (version == 0 && order % 131 == 3)
                yield return new(Payment(order, isSettled: true) with { TransactionId = Id(order, 5), OrderId = GeneratorSettings.Nowhere + order }, OrderUnknown);
            if (version == 0 && order % 149 == 7)
                yield return new(Payment(order, isSettled: true) with { TransactionId = Id(order, 6), Amount = null }, AmountMissing);
        }
    }

    /// <summary>Settled payments and refunds of a clean order once <paramref name="tick"/> has arrived.</summary>
    public (decimal Payment, decimal Refund) SettledAt(long order, int tick)
    {
        var amount = orders.TotalOf(order);
        var isHistory = order <= orders.Cohort.Initial;
        var version = orders.Cohort.VersionAt(order, tick);
        return (isHistory || version >= 1 ? amount : 0m,
            HasRefund(order) && (isHistory || version >= RefundVersion) ? amount : 0m);
    }

    public DateOnly RefundDateOf(long order) => DateOnly.FromDateTime(RefundedAt(order).UtcDateTime);

    private DateTimeOffset RefundedAt(long order) =>
        order <= orders.Cohort.Initial
            ? orders.PlacedAt(order)
            : settings.TimeOf(orders.Cohort.BirthOf(order) + (RefundVersion * settings.Scale.Gap));

    private bool HasRefund(long order) => orders.OutcomeOf(order) != "delivered";

    private FinancialTransaction Payment(long order, bool isSettled)
    {
        var draw = new Draw(settings.Seed, Subject.Transaction, order);
        return new FinancialTransaction(Id(order, 1), order, "payment", orders.TotalOf(order), "EUR", isSettled ? "settled" : "pending",
            isSettled ? $"PSP-{draw.Next():x16}" : null, orders.PlacedAt(order),
            draw.Percent(30) ? null : $$"""{"risk_score":{{draw.Between(0, 100)}},"three_d_secure":{{(draw.Percent(80) ? "true" : "false")}}}""");
    }

    private FinancialTransaction Refund(long order) =>
        new(Id(order, 2), order, "refund", orders.TotalOf(order), "EUR", "settled",
            $"PSP-{new Draw(settings.Seed, Subject.Transaction, -order).Next():x16}", RefundedAt(order), Details: null);

    private static long Id(long order, int kind) => (order * 10) + kind;
}
