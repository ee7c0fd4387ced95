using Pipeline.Core;

namespace Pipeline.Configuration;

/// <summary>Every section <c>retry { … }</c> of the configuration has these options; their defaults differ.</summary>
public static class RetrySettings
{
    /// <param name="settings">The section; it is completed here.</param>
    /// <param name="byDefault">Only what ends after a time by default has that time as an option.</param>
    public static RetryPolicy Bind(SettingsReader settings, RetryPolicy byDefault)
    {
        var policy = byDefault with
        {
            BackoffMin = settings.Duration("backoff-min", byDefault.BackoffMin, TimeSpan.FromMilliseconds(1), TimeSpan.FromHours(1)),
            BackoffMax = settings.Duration("backoff-max", byDefault.BackoffMax, TimeSpan.FromMilliseconds(1), TimeSpan.FromDays(1)),
            AttemptsMax = settings.Int("attempts-max", byDefault.AttemptsMax ?? 0, 0, 1_000) is > 0 and var attempts ? attempts : null,
            TimeMax = byDefault.TimeMax is { } timeMax ? settings.Duration("time-max", timeMax, TimeSpan.FromMilliseconds(1), TimeSpan.FromDays(1)) : null,
        };
        if (policy.BackoffMax < policy.BackoffMin) settings.Report("backoff-max", "is shorter than backoff-min");
        settings.Complete();
        return policy;
    }
}
