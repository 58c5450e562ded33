"""The CloudFormation stack: its template, from parts that each hold one concern."""
