using Pipeline.Core;

namespace Pipeline.Configuration;

/// <summary>Every section <c>retry { … }</c> of the configuration has these options; their defaults differ.</summary>
public static class RetrySettings
{
    /// <param name="settings">The section; it is completed here.</param>
    public static RetryPolicy Bind(SettingsReader settings, RetryPolicy byDefault)
    {
        var policy = byDefault with
        {
            BackoffMin = settings.Duration("backoff-min", byDefault.BackoffMin, TimeSpan.FromMilliseconds(1), TimeSpan.FromMinutes(1)),
            BackoffMax = settings.Duration("backoff-max", byDefault.BackoffMax, TimeSpan.FromMilliseconds(1), TimeSpan.FromHours(1)),
            AttemptsMax = Optional(settings.Int("attempts-max", byDefault.AttemptsMax ?? 0, 0, 1_000), none: 0),
            TimeMax = Optional(settings.Duration("time-max", byDefault.TimeMax ?? TimeSpan.Zero, TimeSpan.Zero, TimeSpan.FromDays(1)), none: TimeSpan.Zero),
        };
        if (policy.BackoffMax < policy.BackoffMin) settings.Report("backoff-max", "is shorter than backoff-min");
        settings.Complete();
        return policy;
    }

    private static T? Optional<T>(T value, T none)
        where T : struct => EqualityComparer<T>.Default.Equals(value, none) ? null : value;
}
