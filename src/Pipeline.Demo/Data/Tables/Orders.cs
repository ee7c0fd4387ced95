using static Pipeline.Demo.Data.Vocabulary;

namespace Pipeline.Demo.Data.Tables;

/// <summary>A line of an order as it stands in the end.</summary>
/// <param name="ChangedQuantity">The quantity of the later <c>line_changed</c> event, if there is one.</param>
internal readonly record struct OrderLine(int Number, long ProductId, int AddedQuantity, int? ChangedQuantity, decimal UnitPrice, decimal Discount)
{
    public int Quantity => ChangedQuantity ?? AddedQuantity;

    public decimal Net(int quantity) => (quantity * UnitPrice) - Discount;
}

/// <summary>
/// <c>crm.customer_orders</c>. A new order is <c>pending</c>, a gap later <c>paid</c>, two gaps later what became of it;
/// orders of the initial load are history, and now and then their customer's e-mail changes. Dirt: bad e-mails, missing
/// totals, both at once, rows entered twice, good orders spoilt by an update.
/// </summary>
internal sealed class Orders(GeneratorSettings settings, Products products) : IDatabaseFeed<CustomerOrder>
{
    private const int HistoryDays = 90;
    private static readonly Fate BadEmail = Fate.Quarantined("email_valid");
    private static readonly Fate TotalMissing = Fate.Quarantined("required:total_amount");
    private static readonly Fate BadEmailTotalMissing = Fate.Quarantined("email_valid", "required:total_amount");

    public Cohort Cohort { get; } = new(settings.Scale.Orders, steps: 2, settings.Scale.Gap);

    public string Name => "customer_orders";

    public IReadOnlyList<string> Key => ["ORDER_ID"];

    public IReadOnlyList<Column<CustomerOrder>> Columns { get; } =
    [
        new("ORDER_ID", ColumnKind.Long, o => o.OrderId),
        new("CUSTOMER_ID", ColumnKind.Long, o => o.CustomerId),
        new("CUSTOMER_NAME", ColumnKind.Text, o => o.CustomerName),
        new("EMAIL", ColumnKind.Text, o => o.Email),
        new("ORDER_DATE", ColumnKind.Date, o => o.OrderDate),
        new("TOTAL_AMOUNT", ColumnKind.Decimal, o => o.TotalAmount),
        new("STATUS", ColumnKind.Text, o => o.Status),
        new("PAYMENT_METHOD", ColumnKind.Text, o => o.PaymentMethod),
    ];

    public IEnumerable<Planted<CustomerOrder>> Rows(int tick)
    {
        foreach (var (key, version) in Cohort.At(tick))
        {
            var planted = new Planted<CustomerOrder>(Row(key, version), FateOf(key, version));
            yield return planted;
            if (IsTwice(key) && version == 0) yield return planted with { Fate = Fate.Again };
        }
    }

    /// <summary>Whether the order reaches Silver: only such orders have lines and transactions.</summary>
    public static bool IsClean(long key) => !IsEmailBad(key) && !IsTotalMissing(key);

    /// <summary>The status that Silver shows once <paramref name="tick"/> has arrived, for a clean order.</summary>
    public string StatusAt(long key, int tick)
    {
        var version = Cohort.VersionAt(key, tick);
        return Status(key, IsSpoilt(key, version) ? version - 1 : version);
    }

    /// <summary>What becomes of the order in the end: delivered, cancelled or returned.</summary>
    public string OutcomeOf(long key) => new Draw(settings.Seed, Subject.Order, key).Below(100) switch
    {
        < 6 => "cancelled",
        < 10 => "returned",
        _ => "delivered",
    };

    /// <summary>About three orders a customer.</summary>
    public long CustomerOf(long key) => new Draw(settings.Seed, Subject.Customer, key).Below((key / 3) + 1) + 1;

    public DateTimeOffset PlacedAt(long key)
    {
        if (key > Cohort.Initial) return settings.TimeOf(Cohort.BirthOf(key));
        var draw = new Draw(settings.Seed, Subject.Order, key, version: 1);
        return settings.BaseTime.AddSeconds(-draw.Below(HistoryDays * 86_400L));
    }

    public DateOnly DateOf(long key) => DateOnly.FromDateTime(PlacedAt(key).UtcDateTime);

    public IEnumerable<OrderLine> LinesOf(long key)
    {
        var draw = new Draw(settings.Seed, Subject.OrderLines, key);
        var count = draw.Between(1, 4);
        for (var number = 1; number <= count; number++)
        {
            var product = products.DrawClean(ref draw);
            var quantity = draw.Between(1, 5);
            int? changed = draw.Percent(5) ? quantity + draw.Between(1, 3) : null;
            var cents = products.PriceCents(product);
            var discount = draw.Percent(25) ? new decimal(cents * quantity / 10) / 100 : 0m;
            yield return new OrderLine(number, product, quantity, changed, new decimal(cents) / 100, discount);
        }
    }

    /// <summary>The total as ordered; later changes of lines do not touch it.</summary>
    public decimal TotalOf(long key) => LinesOf(key).Sum(line => line.Net(line.AddedQuantity));

    private static bool IsEmailBad(long key) => key % 211 == 7 || key % 1009 == 13;

    private static bool IsTotalMissing(long key) => key % 307 == 11 || key % 1009 == 13;

    private static bool IsTwice(long key) => key % 251 == 17 && IsClean(key);

    /// <summary>The first update of some orders breaks the e-mail: the good version before it stays.</summary>
    private static bool IsSpoilt(long key, int version) => version == 1 && key % 97 == 5;

    private static Fate FateOf(long key, int version) => (IsEmailBad(key) || IsSpoilt(key, version), IsTotalMissing(key)) switch
    {
        (true, true) => BadEmailTotalMissing,
        (true, false) => BadEmail,
        (false, true) => TotalMissing,
        _ => IsSpoilt(key, version - 1) ? Fate.Mends(BadEmail) : Fate.Accepted(version),
    };

    private string Status(long key, int version) => (key <= Cohort.Initial, version) switch
    {
        (false, 0) => "pending",
        (false, 1) => "paid",
        _ => OutcomeOf(key),
    };

    private CustomerOrder Row(long key, int version)
    {
        var customer = CustomerOf(key);
        var draw = new Draw(settings.Seed, Subject.Customer, -customer);
        var (first, last) = (draw.Of(FirstNames), draw.Of(LastNames));
        var isEmailBad = IsEmailBad(key) || IsSpoilt(key, version);
        var mailbox = version == 0 || key > Cohort.Initial ? $"customer.{customer}" : $"customer.{customer}.v{version}";
        return new CustomerOrder(
            key,
            customer,
            $"{first} {last}",
            isEmailBad ? $"{mailbox} at example.com" : $"{mailbox}@example.com",
            DateOf(key),
            IsTotalMissing(key) ? null : TotalOf(key),
            Status(key, version),
            PaymentMethodOf(key));
    }

    private string? PaymentMethodOf(long key)
    {
        var draw = new Draw(settings.Seed, Subject.Order, key, version: 2);
        return draw.Percent(5) ? null : draw.Of(PaymentMethods);
    }
}
