using Pipeline.Releases.Making;

if (args is not [var name, "--commit", var commit, "--into", var directory])
{
    Console.Error.WriteLine("Usage: Pipeline.Releases NAME --commit SHA --into tests/Pipeline.Releases/releases/NAME");
    return 64;
}

await new ReleaseMaker(name, commit, Path.GetFullPath(directory)).MakeAsync(CancellationToken.None);
return 0;
