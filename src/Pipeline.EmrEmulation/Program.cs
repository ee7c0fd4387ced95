using System.CommandLine;
using Pipeline.EmrEmulation;

return await new RootCommand("An Amazon EMR on this machine, for demo and tests: its protocol on a loopback port, its steps as processes.")
{
    new ServeCommand(),
    new StepCommand(),
}.Parse(args).InvokeAsync();
