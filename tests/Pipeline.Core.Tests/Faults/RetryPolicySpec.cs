using CsCheck;

namespace Pipeline.Core.Tests.Faults;

public sealed class RetryPolicySpec
{
    private static readonly Gen<RetryPolicy> Policies =
        from min in Gen.Long[1, TimeSpan.TicksPerMinute]
        from more in Gen.Long[0, TimeSpan.TicksPerHour]
        from factor in Gen.Double[1, 10]
        from jitter in Gen.Double[0, 1]
        from attempts in Gen.Int[1, 1_000]
        from total in Gen.Long[1, TimeSpan.TicksPerDay]
        select new RetryPolicy
        {
            BackoffMin = TimeSpan.FromTicks(min), BackoffMax = TimeSpan.FromTicks(min + more), Factor = factor, Jitter = jitter, AttemptsMax = attempts,
            TimeMax = TimeSpan.FromTicks(total),
        };

    private static readonly Gen<(RetryPolicy Policy, int Failures, double Random)> Pauses = Gen.Select(Policies, Gen.Int[1, 10_000], Gen.Double.Unit);

    [Fact]
    public void A_pause_is_never_longer_than_the_longest_and_never_shorter_than_chance_may_make_it() => Pauses.Sample((policy, failures, random) =>
    {
        var longest = policy.Delay(failures);
        var pause = policy.Delay(failures, random);

        Assert.InRange(longest, policy.BackoffMin, policy.BackoffMax);
        Assert.InRange(pause.Ticks, (longest.Ticks * (1 - policy.Jitter)) - 1, longest.Ticks);
    });

    [Fact]
    public void Pauses_grow_until_the_longest() => Pauses.Sample((policy, failures, _) =>
        Assert.True(policy.Delay(failures + 1) >= policy.Delay(failures)));

    [Fact]
    public void Those_who_failed_together_part() => Policies.Where(policy => policy.Jitter > 0.1 && policy.BackoffMin > TimeSpan.FromMilliseconds(1)).Sample(policy =>
        Assert.NotEqual(policy.Delay(1, random: 0.1), policy.Delay(1, random: 0.9)));

    [Fact]
    public void No_attempt_follows_the_last_or_begins_after_the_time_is_over() =>
        Gen.Select(Policies, Gen.Int[1, 2_000], Gen.Long[0, TimeSpan.TicksPerDay], Gen.Double.Unit).Sample((policy, failures, elapsed, random) =>
        {
            var pause = policy.Next(failures, TimeSpan.FromTicks(elapsed), random);

            if (failures >= policy.AttemptsMax) Assert.Null(pause);
            else if (pause is { } wait) Assert.True(TimeSpan.FromTicks(elapsed) + wait <= policy.TimeMax);
        });

    [Fact]
    public void What_the_dependency_asks_for_is_obeyed_up_to_the_longest_pause()
    {
        var policy = new RetryPolicy { BackoffMin = TimeSpan.FromSeconds(1), BackoffMax = TimeSpan.FromSeconds(30) };

        Assert.Equal(TimeSpan.FromSeconds(7), policy.Next(1, TimeSpan.Zero, random: 0, asked: TimeSpan.FromSeconds(7)));
        Assert.Equal(TimeSpan.FromSeconds(30), policy.Next(1, TimeSpan.Zero, random: 0, asked: TimeSpan.FromHours(1)));
        Assert.Equal(TimeSpan.FromSeconds(1), policy.Next(1, TimeSpan.Zero, random: 0, asked: TimeSpan.Zero));
    }
}
