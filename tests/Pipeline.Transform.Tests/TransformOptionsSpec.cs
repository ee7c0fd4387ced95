using Pipeline.Configuration;

namespace Pipeline.Transform.Tests;

public sealed class TransformOptionsSpec
{
    [Theory]
    [InlineData("interval-min", "367d")]
    [InlineData("interval-min", "10000000d")]
    [InlineData("lag-max", "367d")]
    [InlineData("lag-max", "10000000d")]
    [InlineData("poll-interval", "2h")]
    [InlineData("job-time-max", "25h")]
    [InlineData("job-time-max", "0s")]
    public void A_time_that_no_date_could_be_reckoned_with_is_told_with_its_line(string setting, string value)
    {
        var problems = new List<ConfigProblem>();

        TransformOptions.Bind(new SettingsReader(HoconReader.Read("a.conf", _ => $"\n{setting} = {value}", _ => null), "", problems));

        Assert.Equal(("a.conf", 2, setting), (Assert.Single(problems).Location.File, problems[0].Location.Line, problems[0].Path));
    }
}
