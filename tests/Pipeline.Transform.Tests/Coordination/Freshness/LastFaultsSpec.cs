using Pipeline.Core;
using Pipeline.Transform.Coordination.Freshness;

namespace Pipeline.Transform.Tests.Coordination.Freshness;

public sealed class LastFaultsSpec
{
    private static readonly DateTimeOffset Start = new(2026, 3, 2, 9, 0, 0, TimeSpan.Zero);
    private static readonly TableId Users = TableId.Bronze("app", "users");
    private static readonly Fault Away = new(FaultKind.Unreachable, "Source app", "no answer", "Look.");
    private static readonly Fault Refused = new(FaultKind.NotAuthorised, "Source app", "no right", "Grant it.");

    private readonly LastFaults _faults = new();

    [Fact]
    public void An_outage_lasts_from_the_first_word_of_it_until_nobody_says_anything_any_more()
    {
        Say(0, "users/0", Away);
        Say(5, "users/1", Away);
        Say(7, "users/0", Refused);
        Say(9, "users/0", fault: null);
        Assert.Empty(_faults.OutagesOf(Users, At(9)));

        Say(20, "users/1", fault: null);
        Say(21, "users/1", fault: null);

        Assert.Equal([new ToldOutage(At(0), At(20))], _faults.OutagesOf(Users, At(30)));
        Assert.Equal(At(20), _faults.Of(Users)!.EndedAt);
    }

    [Fact]
    public void A_doubt_is_no_outage_and_lasts_until_who_has_it_has_it_no_more()
    {
        Fault doubt = new(FaultKind.Gap, "Source app", "its times fell to 7", "Look.");
        _faults.Doubt(Users, "users/0", doubt, At(0));
        _faults.Doubt(Users, "users/1", doubt: null, At(1));
        _faults.Doubt(Users, "users/0", doubt with { Cause = "its times fell to 6" }, At(2));

        Assert.Null(_faults.Of(Users));
        Assert.Empty(_faults.OutagesOf(Users, At(3)));
        Assert.Equal(new ToldFault(At(0), FaultKind.Gap, "Source app", "its times fell to 6", "Look."), _faults.DoubtOf(Users));
        _faults.Doubt(Users, "users/0", doubt: null, At(4));
        Assert.Null(_faults.DoubtOf(Users));
    }

    [Fact]
    public void One_that_began_before_the_node_did_ends_with_it_and_what_was_told_goes_on_to_be()
    {
        ToldOutage before = new(At(-60), At(-50));
        _faults.Recall(Users, new ToldFault(At(-30), Away.Kind, Away.Thing, Away.Cause, Away.NextStep), [before]);

        Say(0, "users/0", Away);
        Say(10, "users/0", fault: null);

        Assert.Equal([before, new ToldOutage(At(-30), At(10))], _faults.OutagesOf(Users, At(30)));
    }

    [Fact]
    public void Days_later_it_is_forgotten_and_one_that_comes_and_goes_costs_no_more_than_a_bound()
    {
        for (var minute = 0; minute < 1_000; minute += 2)
        {
            Say(minute, "users/0", Away);
            Say(minute + 1, "users/0", fault: null);
        }

        Assert.Equal(100, _faults.OutagesOf(Users, At(1_000)).Length);
        Assert.Equal(At(999), _faults.OutagesOf(Users, At(1_000))[^1].EndedAt);
        Assert.Empty(_faults.OutagesOf(Users, At(1_000).AddDays(3)));
    }

    private void Say(int minute, string by, Fault? fault) => _faults.Say(Users, by, fault, At(minute));

    private static DateTimeOffset At(int minute) => Start.AddMinutes(minute);
}
