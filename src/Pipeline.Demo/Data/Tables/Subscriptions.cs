using static Pipeline.Demo.Data.Vocabulary;

namespace Pipeline.Demo.Data.Tables;

/// <summary><c>app.subscriptions</c>; every second change cancels, the next renews. Dirt: missing plans, cancelled before started.</summary>
internal sealed class Subscriptions(GeneratorSettings settings, Users users) : IDatabaseFeed<Subscription>
{
    private static readonly Fate PlanMissing = Fate.Quarantined("required:plan");
    private static readonly Fate PeriodWrong = Fate.Quarantined("period_valid");

    private readonly Cohort _cohort = new(settings.Scale.Subscriptions, steps: 0, settings.Scale.Gap);

    public string Name => "subscriptions";

    public IReadOnlyList<string> Key => ["subscription_id"];

    public IReadOnlyList<Column<Subscription>> Columns { get; } =
    [
        new("subscription_id", ColumnKind.Long, s => s.SubscriptionId),
        new("user_id", ColumnKind.Long, s => s.UserId),
        new("plan", ColumnKind.Text, s => s.Plan),
        new("status", ColumnKind.Text, s => s.Status),
        new("monthly_price", ColumnKind.Decimal, s => s.MonthlyPrice),
        new("currency", ColumnKind.Text, s => s.Currency),
        new("started_at", ColumnKind.Timestamp, s => s.StartedAt),
        new("cancelled_at", ColumnKind.Timestamp, s => s.CancelledAt),
        new("auto_renew", ColumnKind.Boolean, s => s.AutoRenew),
    ];

    public IEnumerable<Planted<Subscription>> Rows(int tick)
    {
        foreach (var (key, version) in _cohort.At(tick))
            yield return new(Row(key, version), FateOf(key, version));
    }

    private static bool IsPlanMissing(long key) => key % 127 == 3;

    private static bool IsPeriodWrong(long key) => key % 163 == 5 && !IsPlanMissing(key);

    private static Fate FateOf(long key, int version) =>
        IsPlanMissing(key) ? PlanMissing : IsPeriodWrong(key) ? PeriodWrong : Fate.Accepted(version);

    private Subscription Row(long key, int version)
    {
        var draw = new Draw(settings.Seed, Subject.Subscription, key);
        var born = _cohort.BirthOf(key);
        var user = users.DrawClean(ref draw, born);
        var (plan, cents) = draw.Of(Plans);
        var started = settings.TimeOf(born).AddHours(-draw.Between(1, 5_000));
        var isCancelled = version % 2 == 1 || IsPeriodWrong(key);
        var cancelled = IsPeriodWrong(key) ? started.AddDays(-1) : started.AddHours(1).AddMinutes(version);
        return new Subscription(key, user, IsPlanMissing(key) ? null : plan,
            isCancelled ? "cancelled" : draw.Percent(10) ? "trial" : "active",
            new decimal(cents) / 100, "EUR", started, isCancelled ? cancelled : null, !isCancelled);
    }
}
