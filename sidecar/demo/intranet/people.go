package intranet

// A customer of Fabrikam's, as everyone who signed in may see.
type customer struct{ Name, City, Sector, Contact string }

// An employee of Fabrikam's. What somebody earns is why this page asks for more.
type employee struct {
	ID, Name, Role, Team string
	Salary               int // a year, in euros
}

func customers() []customer {
	return []customer{
		{"Adventure Works", "Lisbon", "Bicycles", "Amina Costa"},
		{"Contoso", "Paris", "Retail", "Luc Moreau"},
		{"Litware", "Dublin", "Software", "Niamh Byrne"},
		{"Northwind Traders", "Hamburg", "Food and drink", "Jonas Weber"},
		{"Proseware", "Kraków", "Office supplies", "Ewa Nowak"},
		{"Tailspin Toys", "Malmö", "Toys", "Elsa Lind"},
	}
}

func employees() []employee {
	return []employee{
		{"alice", "Alice Adams", "Head of sales", "Sales", 84000},
		{"bob", "Bob Baker", "Caretaker", "Facilities", 39500},
		{"carol", "Carol Clark", "Payroll officer", "Finance", 61200},
		{"dev", "Dev Desai", "Engineer", "Workshop", 67800},
		{"erin", "Erin Evans", "Apprentice", "Workshop", 27600},
	}
}

func employeeByID(id string) (employee, bool) {
	for _, e := range employees() {
		if e.ID == id {
			return e, true
		}
	}
	return employee{}, false
}
