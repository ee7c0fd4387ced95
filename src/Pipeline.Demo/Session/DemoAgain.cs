namespace Pipeline.Demo.Session;

/// <summary>How somebody comes back to a demo.</summary>
/// <param name="Lake">Its location.</param>
/// <param name="Command">What continues it.</param>
/// <param name="Beside">What other verbs need beside <c>--lake</c> to reach it: empty, or options with a space before them.</param>
internal sealed record DemoAgain(string Lake, string Command, string Beside)
{
    /// <summary>Another verb on its lake.</summary>
    public string With(string verb) => $"pipeline {verb}{Beside} --lake {Lake}";
}
